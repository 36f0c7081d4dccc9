# SPDX-License-Identifier: Apache-2.0
"""Asking ARM for states: the documented way, for what the batch endpoint does not know or refuses to us.

ARM gives one principal 25 reads per second for everything, so that this lane keeps to a quota, and
reads lists before it asks for single jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.naming import DEPLOYMENT
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.gate import Gate

T = TypeVar("T")
SINGLES = 8
"""Requests at the same time."""
BARREN = 3
"""Pages in a row without one wanted job after which single requests are the cheaper way."""


class Arm:
    """One watcher's way to ARM."""

    def __init__(self, hook: AzureMLHook) -> None:
        self._hook = hook
        self._gate = Gate()
        self._places = asyncio.Semaphore(SINGLES)

    async def status(self, workspace: Workspace, name: str) -> str:
        """The status of one job; raises ServiceError."""
        return (await self._ask(job_flows.get(workspace, name))).status

    async def statuses(self, workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
        """States of those of the jobs that the list of this deployment's jobs shows soon; raises ServiceError."""
        wanted, found, link, barren = set(names), dict[str, str](), "", 0
        while barren < BARREN and len(found) < len(wanted):
            page, link = await self._page(workspace, link)
            news = {name: status for name, status in page.items() if name in wanted}
            found |= news
            barren = 0 if news else barren + 1
            if not link:
                break
        return found

    async def _page(self, workspace: Workspace, link: str) -> tuple[dict[str, str], str]:
        deployment = configured("azureml", "deployment_id")
        value = None if "," in deployment else deployment  # a comma would begin another filter
        return await self._ask(job_flows.status_page(workspace, DEPLOYMENT, value or None, link))

    async def _ask(self, flow: Flow[T]) -> T:
        async with self._places, self._hook.opened() as session:
            while (pause := session.quota.wait()) > 0:
                await asyncio.sleep(pause)
            session.quota.spend()
            async with self._gate.request():
                return await self._hook.arun(flow, ONCE)
