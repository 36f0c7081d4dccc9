# SPDX-License-Identifier: Apache-2.0
"""What the provider's trigger is compared to: one that only sleeps, and one that asks for its job alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_azureml.compat import aget_connection
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import job


class SleepTrigger(BaseTrigger):
    """Wakes once per interval and does nothing: Airflow's own cost, with one look-up of the connection.

    :param poll_interval: seconds.
    """

    lookup: ClassVar[asyncio.Task[Any] | None] = None

    def __init__(self, azureml_conn_id: str, poll_interval: float) -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"azureml_conn_id": self.azureml_conn_id, "poll_interval": self.poll_interval}
        return f"{__name__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        cls = type(self)
        cls.lookup = cls.lookup or asyncio.create_task(aget_connection(self.azureml_conn_id))
        found = await asyncio.shield(cls.lookup)
        await asyncio.sleep(random.uniform(0.0, self.poll_interval))
        while found is not None:
            await asyncio.sleep(self.poll_interval)
        yield TriggerEvent({})


class OneGetPerJobTrigger(BaseTrigger):
    """Asks ARM for its own job once per interval, as Airflow's other providers do.

    It is given what those lack: connection, token and HTTP session are shared by all.

    :param poll_interval: seconds.
    """

    def __init__(self, azureml_conn_id: str, job_name: str, poll_interval: float) -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id
        self.job_name = job_name
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {name: getattr(self, name) for name in ("azureml_conn_id", "job_name", "poll_interval")}
        return f"{__name__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        hook = AzureMLHook(self.azureml_conn_id)
        async with hook.opened():
            workspace = await hook.aworkspace()
            await asyncio.sleep(random.uniform(0.0, self.poll_interval))
            while True:
                found = await hook.arun(job.get(workspace, self.job_name))
                if found.is_terminal:
                    break
                await asyncio.sleep(self.poll_interval)
        yield TriggerEvent({"name": self.job_name, "status": found.status})
