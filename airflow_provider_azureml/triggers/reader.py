# SPDX-License-Identifier: Apache-2.0
"""Showing the logs of a triggerer's jobs: beside the watching, never in its way, within one budget for all.

A visit is a task of its own. What it showed is kept on the run before the next visit, so that another
triggerer goes on there; only a triggerer that dies within a visit makes the next one repeat that visit.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from logging import INFO, WARNING
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_azureml.errors import AzureMLError, UnreachableError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.gate import Gate
from airflow_provider_azureml.triggers.log import MAX_DRAIN, MAX_READ, LogTail

T = TypeVar("T")
Say = Callable[[int, Sequence[str]], Coroutine[Any, Any, None]]
VISITORS = 8
"""Logs that are read at the same time; as many again for jobs that have ended."""
RATE = 1 << 19
"""Bytes per second for all jobs of a triggerer: Airflow needs a fifth of a core to write so many lines."""
FEE = RATE // 10
"""What a visit costs at least: ten of them per second."""
MAX_VISIT = 1 << 18
"""Bytes per visit, so that one chatty job cannot hold up the others."""
STALL = 10.0
"""Seconds that a log may take to answer."""
LAST = 15.0
"""Seconds that the end of a log may hold up the news that its job has ended."""
KEEPING = 2.0
"""Seconds for leaving our place on the run: so long may a trigger that is taken away hold up the others."""


class Desk:
    """The budget of one event loop."""

    def __init__(self) -> None:
        self.gates: defaultdict[str, Gate] = defaultdict(Gate)
        self._visitors, self._last = asyncio.Semaphore(VISITORS), asyncio.Semaphore(VISITORS)
        self._paid_until = 0.0

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """A place for a visit, once the earlier ones are paid for."""
        loop = asyncio.get_running_loop()
        async with self._visitors:
            while (left := self._paid_until - loop.time()) > 0:
                await asyncio.sleep(left)
            self.charge(FEE)
            yield

    @asynccontextmanager
    async def last_visit(self) -> AsyncIterator[None]:
        """A place for the end of a log, which nobody will come back for."""
        async with self._last:
            yield

    def charge(self, read: int) -> None:
        """Bytes were read: later visits wait for them."""
        self._paid_until = max(self._paid_until, asyncio.get_running_loop().time()) + read / RATE


class LogReader:
    """Shows the log of one job.

    :param conn_id: the connection of `hook`: faults of its log store hold back its other readers.
    :param say: is given lines, and the level at which to log them.
    """

    def __init__(self, hook: AzureMLHook, conn_id: str, tail: LogTail, say: Say) -> None:
        self._hook, self._tail, self._say = hook, tail, say
        self._desk = _desk()
        self._gate = self._desk.gates[conn_id]
        self._visit: asyncio.Task[None] | None = None
        self._unshown: list[str] = []
        self._trouble = ""

    def visit(self, workspace: Workspace, spread: float) -> None:
        """Look for new lines within `spread` seconds or later, unless a visit is under way."""
        if self._visit is None or self._visit.done():
            self._visit = asyncio.create_task(self._look(workspace, random.uniform(0.0, spread)))

    async def finish(self, workspace: Workspace) -> None:
        """The job has ended: show what is left, as far as it comes in time."""
        await self.close()
        try:
            await _within(LAST, self._drain(workspace))
        except AzureMLError as error:
            await self._tell(f"The end of the log is missing here, Studio has it. {error}")
        await self._keep(workspace)

    async def close(self) -> None:
        """Nobody waits for the log any more; what was shown is kept."""
        if self._visit is not None and not self._visit.done():
            self._visit.cancel()
            await asyncio.wait([self._visit])

    async def _look(self, workspace: Workspace, wait: float) -> None:
        await asyncio.sleep(wait)
        read = 0
        try:
            while read < MAX_VISIT:
                async with self._desk.visit():
                    gained = await self._read(workspace)
                read += gained
                if gained < MAX_READ // 2:
                    break
        except AzureMLError as error:
            await self._tell(f"The log is not to be had just now: {error}")
        finally:
            await self._show()
            await self._keep(workspace)

    async def _drain(self, workspace: Workspace) -> None:
        read = 0
        while read < MAX_DRAIN:
            if self._gate.opens > asyncio.get_running_loop().time() + STALL:
                raise UnreachableError(0, "NoAnswer", "The log store has not answered lately.")
            async with self._desk.last_visit():
                gained = await self._read(workspace)
            read += gained
            if not gained:
                self._unshown += self._tail.rest()
                await self._show()
                return
        await self._say(INFO, [f"(The log goes on behind byte {self._tail.offset}, in Studio.)"])

    async def _read(self, workspace: Workspace) -> int:
        """One request's worth; returns the bytes."""
        before = self._tail.place
        async with self._gate.request():
            flow = self._gathered(self._tail.read(workspace))
            await _within(STALL, self._hook.arun(flow, ONCE))
        await self._show()
        gained = max(self._tail.place - before, 0)
        self._desk.charge(max(gained - FEE, 0))
        self._trouble = ""
        return gained

    def _gathered(self, flow: Flow[list[str]]) -> Flow[None]:
        """Lines are to be shown from the very step on in which they count as read: no cancel falls between."""
        self._unshown += yield from flow

    async def _show(self) -> None:
        """Show what was read. A cancel is heard afterwards."""
        lines, self._unshown = self._unshown, []
        if lines:
            showing = asyncio.create_task(self._say(INFO, lines))
            try:
                await asyncio.shield(showing)
            except asyncio.CancelledError:
                await asyncio.wait([showing])
                raise

    async def _keep(self, workspace: Workspace) -> None:
        try:
            await _within(KEEPING, self._hook.arun(self._tail.keep(workspace), ONCE))
        except AzureMLError as error:
            await self._tell(f"Another triggerer would repeat some of the log: {error}")

    async def _tell(self, trouble: str) -> None:
        """Trouble is told once."""
        if trouble != self._trouble:
            self._trouble = trouble
            await self._say(WARNING, [trouble])


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result; raises UnreachableError when it does not come in time.

    Not `wait_for`, which may swallow a cancel before Python 3.12.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise UnreachableError(0, "NoAnswer", f"There was no answer within {seconds:.0f} s.")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()


def _desk() -> Desk:
    return _LOOPS.setdefault(asyncio.get_running_loop(), Desk())
