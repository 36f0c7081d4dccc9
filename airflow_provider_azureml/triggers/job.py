# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job in the triggerer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from logging import INFO, WARNING
from typing import Any

from airflow_provider_azureml.errors import AzureMLError, said
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.naming import OWNER
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest.intent import may_cancel
from airflow_provider_azureml.rest.job import Job, is_terminal
from airflow_provider_azureml.triggers.base import AzureMLBaseTrigger, in_background
from airflow_provider_azureml.triggers.log import LogTail, has_log
from airflow_provider_azureml.triggers.poll import Overdue, Patience, by, remaining
from airflow_provider_azureml.triggers.reader import LogReader
from airflow_provider_azureml.triggers.watcher import Seat, watched

ENDED, TIMEOUT, ERROR = "ended", "timeout", "error"
"""Why an event was fired."""
SLACK = 60.0
"""Seconds by which the clocks of Airflow's processes may differ about a deadline."""
__all__ = ["ENDED", "ERROR", "OWNER", "TIMEOUT", "AzureMLJobTrigger"]


class AzureMLJobTrigger(AzureMLBaseTrigger):
    """Fires once a job has ended, or its deadline has passed, or its state is not to be had.

    All triggers of one connection in a triggerer ask together (`triggers/watcher.py`).

    The event: `{"name", "owner", "reason", "status", "error", "log_offset"}`. A poll error is never a verdict
    about the job, and never a reason to cancel it.

    :param azureml_conn_id: the connection to watch with.
    :param job_name: the job; the only one that this trigger may cancel.
    :param owner: what the job's owner marker must say before it is cancelled; empty forbids cancelling.
    :param poll_interval: seconds between two looks.
    :param deadline: Unix time at which to cancel and fire; None waits for ever.
    :param cancel_on_kill: whether the job ends when a person ends the task.
    :param stream_logs: whether the job's log appears in the task's log.
    :param log_offset: bytes of that log which were shown before.
    """

    def __init__(
        self,
        azureml_conn_id: str,
        job_name: str,
        owner: str = "",
        poll_interval: float = 30.0,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        stream_logs: bool = False,
        log_offset: int = 0,
    ) -> None:
        super().__init__(azureml_conn_id)
        self.job_name = job_name
        self.owner = owner
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.stream_logs = stream_logs
        self.log_offset = log_offset
        self._status = ""
        self._seat: Seat | None = None
        self._tail: LogTail | None = None

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "azureml_conn_id": self.azureml_conn_id,
            "job_name": self.job_name,
            "owner": self.owner,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "cancel_on_kill": self.cancel_on_kill,
            "stream_logs": self.stream_logs,
            "log_offset": self.log_offset,
        }

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook; made here, where the connection can be read without blocking the loop."""
        return AzureMLHook(self.azureml_conn_id, task_instance=self.task_instance)

    async def watch(self) -> dict[str, Any]:
        """Look until the job has ended; return the event."""
        seat = watched(self.azureml_conn_id, self.hook, self.job_name, self.poll_interval)
        try:
            async with seat as place, self._reader() as log:
                status = await by(self.deadline, lambda: self._until_ended(place, log))
                if log and place.workspace:
                    await log.finish(place.workspace)
            await self._show(status)
            return self._event(ENDED)
        except Overdue:
            return await self._give_up()
        except AzureMLError as error:
            return self._event(ERROR, error=str(error))

    async def _until_ended(self, seat: Seat, log: LogReader | None) -> str:
        self._seat = seat
        patience, wait = Patience(self.poll_interval), 0.0
        while True:
            try:
                status = await seat.status(wait)
            except AzureMLError as error:
                wait = patience.bear(error)
                told = "The state of job %s is not to be had just now: %s"
                await self.say(WARNING, told, seat.name, error)
                continue
            patience.refill()
            wait = 0.0
            if is_terminal(status):
                return status
            await self._show(status)
            # The states came all together; the logs are spread.
            if log and seat.workspace and has_log(status):
                log.visit(seat.workspace, self.poll_interval / 2)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[LogReader | None]:
        """What shows the log beside the waiting; a try goes on where another triggerer of it stopped."""
        if not self.stream_logs:
            yield None
            return
        this_try = str(self.task_instance.try_number) if self.task_instance else ""
        self._tail = LogTail(self.job_name, self.log_offset, this_try)
        reader = LogReader(self.hook, self.azureml_conn_id, self._tail, self.say_all)
        try:
            yield reader
        finally:
            await reader.close()

    async def _show(self, status: str) -> None:
        if status != self._status:
            self._status = status
            await self.say(INFO, "Job %s is %s", self.job_name, status)

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline has come, by some clock of Airflow's."""
        return remaining(self.deadline) < SLACK

    async def _give_up(self) -> dict[str, Any]:
        """The deadline has passed: cancel, and say what came of it.

        In the background: Airflow 2.11 takes the trigger away at the same moment, for `execution_timeout`.
        """
        try:
            await in_background(self._cancel_ours("deadline"))
        except Exception as error:  # the deadline has passed all the same
            return self._event(TIMEOUT, error=said(error))
        return self._event(TIMEOUT)

    def broken(self, error: str) -> dict[str, Any]:
        """The event when it was the waiting that failed."""
        return self._event(ERROR, error)

    def _event(self, reason: str, error: str = "") -> dict[str, Any]:
        return {
            "name": self.job_name,
            "owner": self.owner,
            "reason": reason,
            "status": self._status,
            "error": error,
            "log_offset": self._tail.offset if self._tail else self.log_offset,
        }

    async def cancel(self) -> None:
        """The task was ended from outside: cancel the job, unless it may outlive its task."""
        if self.cancel_on_kill:
            await self._cancel_ours("killed")

    async def _cancel_ours(self, reason: str) -> None:
        """Cancel the job where it was watched, provided that it is ours and has not ended.

        Raises ServiceError, too for a job that is not found: it was submitted before anybody waited here.
        """
        if not self.owner:
            return

        def allowed(job: Job) -> bool:
            return may_cancel(job, self.owner, self.try_number)

        async with self.hook.opened():
            workspace = (self._seat and self._seat.workspace) or await self.hook.aworkspace()
            ending = await self.hook.arun(intent.end(workspace, self.job_name, reason, allowed))
        if ending.asked:
            await self.say(INFO, "Asked Azure to cancel job %s (%s)", self.job_name, reason)
        if ending.untraced:
            problem = "The cancelled job could not be marked as cancelled by Airflow: %s"
            await self.say(WARNING, problem, ending.untraced)
