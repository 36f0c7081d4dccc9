# SPDX-License-Identifier: Apache-2.0
"""What every trigger of this package shares: cancelling only when a person really killed the task."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from airflow_provider_azureml.compat import (
    HAS_TRIGGER_ON_KILL,
    BaseTrigger,
    TriggerEvent,
    is_still_deferred,
)
from airflow_provider_azureml.errors import AzureMLError

_BACKGROUND: set[asyncio.Task[None]] = set()


class AzureMLBaseTrigger(BaseTrigger):
    """A wait that ends in one event.

    Arguments of a trigger are public: they stand in Airflow's database as plain JSON. None is a secret.

    :param azureml_conn_id: the connection to watch with.
    """

    def __init__(self, azureml_conn_id: str) -> None:
        super().__init__()
        self.azureml_conn_id = azureml_conn_id

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""

    @abstractmethod
    async def watch(self) -> dict[str, Any]:
        """Wait; return the event's content."""

    @abstractmethod
    async def cancel(self) -> None:
        """Cancel what is watched. Raises AzureMLError."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, from which Airflow makes the trigger again, perhaps elsewhere."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, then fire one event."""
        try:
            content = await self.watch()
        except asyncio.CancelledError:
            if not HAS_TRIGGER_ON_KILL:
                await self.on_kill()
            raise
        yield TriggerEvent(content)

    async def on_kill(self) -> None:
        """Cancel in the background: Airflow 3.3 interrupts this method after one second."""
        task = asyncio.get_running_loop().create_task(self._cancel_if_killed())
        _BACKGROUND.add(task)
        task.add_done_callback(_BACKGROUND.discard)
        await asyncio.shield(task)

    async def _cancel_if_killed(self) -> None:
        if self.task_instance is None or await is_still_deferred(self.task_instance):
            self.log.info("The task is still deferred: another triggerer has it. Nothing is cancelled.")
            return
        try:
            await self.cancel()
        except AzureMLError as error:
            self.log.error("Cancelling failed, and what was watched may still run: %s", error)
