# SPDX-License-Identifier: Apache-2.0
"""Holding requests back after an answer that says "not now"."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airflow_provider_azureml.errors import AzureMLError, ServiceError, UnreachableError
from airflow_provider_azureml.triggers.poll import LONGEST_PAUSE

log = logging.getLogger(__name__)
FIRST, BACKOFF = 1.0, 60.0
"""Longest pauses, in seconds, after the first and after any fault that named no time."""


class Gate:
    """A breaker: closed for a while after a fault, then one request goes ahead and the others wait for it.

    The pause is what the service named, at most ten minutes, or doubles from fault to fault; both with
    full jitter on top. The first good answer opens it for everybody. `opens` is a time of the running loop,
    `faults` the number of faults since the last good answer.
    """

    def __init__(self) -> None:
        self.opens = 0.0
        self.faults = 0
        self._held_at = 0.0
        self._probe = asyncio.Lock()

    def hold(self, error: AzureMLError, asked_at: float | None = None) -> None:
        """Close after a fault.

        :param asked_at: when its request went out; faults of one moment count as one.
        """
        now = asyncio.get_running_loop().time()
        if asked_at is None or asked_at >= self._held_at:
            self.faults += 1
            self._held_at = now
        backoff = min(FIRST * 2.0 ** min(self.faults - 1, 10), BACKOFF)
        named = self._named(error)
        pause = named + random.uniform(0.0, max(backoff, 0.2 * named))
        self.opens = max(self.opens, now + pause)

    def relieve(self) -> None:
        """The service answers again."""
        self.faults = 0

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Send one request in the block, once that may be."""
        loop = asyncio.get_running_loop()
        async with self._probe:
            await self._opened()
            if self.faults:  # the block keeps the others out
                async with self._watched(loop.time()):
                    yield
                return
        async with self._watched(loop.time()):
            yield

    async def _opened(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self.opens - loop.time()) > 0:
            await asyncio.sleep(left)

    @asynccontextmanager
    async def _watched(self, asked_at: float) -> AsyncIterator[None]:
        try:
            yield
        except UnreachableError as error:
            self.hold(error, asked_at)
            raise
        except ServiceError:
            self.relieve()  # an answer
            raise
        self.relieve()

    @staticmethod
    def _named(error: AzureMLError) -> float:
        wished = (error.retry_after if isinstance(error, ServiceError) else None) or 0.0
        if wished > LONGEST_PAUSE:
            told = "Azure asked for a pause of %.0f s; it gets %.0f s. %s"
            # Not from the event loop: see `AzureMLBaseTrigger.say_all`.
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, log.warning, told, wished, LONGEST_PAUSE, error)
        return min(wished, LONGEST_PAUSE)
