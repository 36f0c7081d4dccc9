# SPDX-License-Identifier: Apache-2.0
"""Waiting in the triggerer for a state of anything but a job: the look differs, the wait is one."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from logging import INFO, WARNING
from typing import Any

from airflow_provider_azureml.errors import AzureMLError, ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.base import AzureMLBaseTrigger
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from airflow_provider_azureml.triggers.poll import Overdue, Patience, by


@dataclass(frozen=True)
class Seen:
    """What one look saw.

    :param status: Azure's word, or what a person would call the state; for the log.
    :param has_ended: whether the wait is over, well or not.
    :param problem: why it can never end well; empty otherwise.
    :param record: what was waited for, as JSON values.
    """

    status: str
    has_ended: bool = False
    problem: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def failed(cls, status: str, problem: str) -> Seen:
        """A state that no waiting mends."""
        return cls(status, has_ended=True, problem=problem)


class AzureMLBaseStateTrigger(AzureMLBaseTrigger):
    """Fires once what `look` asks for is there, or never will be, or the deadline has passed.

    The event: `{"name", "reason", "status", "error", "record"}`. Nothing is ever cancelled.

    :param azureml_conn_id: the connection to look with.
    :param poll_interval: seconds between two looks.
    :param deadline: Unix time at which to fire; None waits for ever.
    """

    def __init__(
        self, azureml_conn_id: str, poll_interval: float = 30.0, deadline: float | None = None
    ) -> None:
        super().__init__(azureml_conn_id)
        self.poll_interval = poll_interval
        self.deadline = deadline
        self._status = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """What is waited for, as messages call it."""

    @abstractmethod
    def look(self, workspace: Workspace) -> Flow[Seen]:
        """Ask once; raises ServiceError when the state is not to be had."""

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments that all kinds share."""
        return {
            "azureml_conn_id": self.azureml_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
        }

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook; made here, where the connection can be read without blocking the loop."""
        return AzureMLHook(self.azureml_conn_id)

    async def watch(self) -> dict[str, Any]:
        """Look until the wait is over; return the event."""
        try:
            seen = await by(self.deadline, self._until_over)
        except Overdue:
            return self._event(TIMEOUT)
        except AzureMLError as error:
            return self._event(ERROR, str(error))
        return self._event(ENDED, seen.problem, seen.record)

    async def _until_over(self) -> Seen:
        patience = Patience(self.poll_interval)
        pause = patience.first()
        async with self.hook.opened():
            while True:
                await asyncio.sleep(pause)
                try:
                    seen = await self._look()
                except ServiceError as error:
                    pause = patience.after_error(error)
                    told = "The state of %s is not to be had just now: %s"
                    await self.say(WARNING, told, self.name, error)
                    continue
                if seen.has_ended:
                    return seen
                pause = patience.after_success()

    async def _look(self) -> Seen:
        workspace = await self.hook.aworkspace()
        seen = await self.hook.arun(self.look(workspace), ONCE)
        if seen.status != self._status:
            self._status = seen.status
            await self.say(INFO, "%s: %s", self.name, seen.status)
        return seen

    async def on_kill(self) -> None:
        """Nothing was begun, so nothing has to end."""

    async def cancel(self) -> None:
        """See `on_kill`."""

    def broken(self, error: str) -> dict[str, Any]:
        """The event when it was the waiting that failed."""
        return self._event(ERROR, error)

    def _event(self, reason: str, error: str = "", record: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {
            "name": self.name,
            "reason": reason,
            "status": self._status,
            "error": error,
            "record": dict(record or {}),
        }
