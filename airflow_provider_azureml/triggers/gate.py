# SPDX-License-Identifier: Apache-2.0
"""Holding requests back: after an answer that says "not now", and where each is about one job only."""

from __future__ import annotations

import asyncio
import random

from airflow_provider_azureml.errors import AzureMLError, ServiceError, UnreachableError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.poll import LONGEST_PAUSE, legible

BACKOFF = 60.0
"""Longest pause, in seconds, after a fault that named no time."""
SINGLES = 8
"""Jobs that are asked for alone at the same time: a few, since ARM gives 25 reads per second to all."""


class Gate:
    """Closed for a while after each fault. `opens` is a time of the running loop."""

    def __init__(self) -> None:
        self.opens = 0.0
        self._faults = 0

    def hold(self, error: AzureMLError, interval: float) -> None:
        """No request before the time that the service named, or twice as long as after the last fault."""
        backoff = min(interval * 2.0 ** min(self._faults, 10), BACKOFF)
        wished = (error.retry_after if isinstance(error, ServiceError) else None) or backoff
        self._faults += 1
        pause = min(wished, LONGEST_PAUSE) * random.uniform(1.0, 1.2)
        self.opens = asyncio.get_running_loop().time() + pause

    def relieve(self) -> None:
        """The service answers again."""
        self._faults = 0

    async def passed(self) -> None:
        """Return once requests may go out."""
        loop = asyncio.get_running_loop()
        while (left := self.opens - loop.time()) > 0:
            await asyncio.sleep(left)


class Alone:
    """Asks ARM for jobs that the batch does not know, or that it refuses to us; few at a time."""

    def __init__(self, hook: AzureMLHook) -> None:
        self._hook = hook
        self._gate = Gate()
        self._places = asyncio.Semaphore(SINGLES)

    async def status(self, workspace: Workspace, name: str, interval: float) -> str:
        """The status of one job; raises ServiceError."""
        async with self._places:
            await self._gate.passed()
            try:
                job = await self._hook.arun(legible(job_flows.get(workspace, name)))
            except UnreachableError as error:
                self._gate.hold(error, interval)
                raise
        self._gate.relieve()
        return job.status
