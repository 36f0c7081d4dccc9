# SPDX-License-Identifier: Apache-2.0
"""What every trigger of this package shares: cancelling only when a person really killed the task."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import partial
from logging import ERROR, INFO, WARNING
from typing import Any, TypeVar

from airflow_provider_azureml.compat import (
    HAS_TRIGGER_ON_KILL,
    BaseTrigger,
    TaskSight,
    TriggerEvent,
    task_seen,
)
from airflow_provider_azureml.errors import ServiceError, UnreachableError, said
from airflow_provider_azureml.triggers.poll import LONGEST_PAUSE

T = TypeVar("T")
_BACKGROUND: set[asyncio.Task[Any]] = set()
ASK_AGAIN = (2.0, 10.0)
"""Seconds after which Airflow is asked again how the task is, when it did not say."""
OVER = frozenset({None, "success", "failed", "skipped", "upstream_failed", "removed"})
"""States in which no try of a task instance goes on, nor will by itself. None: cleared, or deleted."""
DEFERRED = "deferred"
INSIST, INSIST_PAUSE = 3600.0, 30.0
"""Seconds for which a cancel is tried again when Azure does not answer, and between two tries."""
REAP = "`airflow azureml reap` ends what no task answers for."


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
    def broken(self, error: str) -> dict[str, Any]:
        """The event's content when it was the waiting that failed."""

    @abstractmethod
    async def cancel(self) -> None:
        """Cancel what is watched. Raises AzureMLError."""

    @property
    def is_overdue(self) -> bool:
        """Whether the wait's own deadline has come."""
        return False

    @property
    def try_number(self) -> int | None:
        """The try of the task that waits here."""
        number: int | None = getattr(self.task_instance, "try_number", None)
        return number

    async def say(self, level: int, text: str, *values: object) -> None:
        """Write a line to the task's log, never from the event loop: see `say_all`."""
        await asyncio.to_thread(self.log.log, level, text, *values)

    async def say_all(self, level: int, lines: Sequence[str]) -> None:
        """Write lines to the task's log, in a thread.

        Airflow's supervisor reads no log while it sends us triggers, and a log socket that is full stops
        who writes to it. Were that the event loop, which has to read those triggers, both would wait for
        ever (seen with 1,000 triggers on Airflow 3.3.2).
        """
        await asyncio.to_thread(self._write, level, lines)

    def _write(self, level: int, lines: Sequence[str]) -> None:
        for line in lines:
            self.log.log(level, "%s", line)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, from which Airflow makes the trigger again, perhaps elsewhere."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}", self.arguments()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, then fire one event, whatever goes wrong: for a trigger that crashed, the job is cancelled."""
        try:
            content = await self.watch()
        except asyncio.CancelledError:
            if not HAS_TRIGGER_ON_KILL:
                await self.on_kill()
            raise
        except Exception as error:  # a mistake of ours, which is no reason to cancel anything
            told = "The wait ended by a mistake of this package. Nothing is cancelled."
            await asyncio.to_thread(partial(self.log.error, told, exc_info=error))
            content = self.broken(said(error))
        yield TriggerEvent(content)

    async def on_kill(self) -> None:
        """Cancel in the background: Airflow 3.3 interrupts this method after one second."""
        await in_background(self._cancel_if_killed())

    async def _cancel_if_killed(self) -> None:
        if self.task_instance is None:
            await self.say(INFO, "No task waits for this trigger any more. Nothing is cancelled.")
            return
        try:
            await self._cancel_unless_it_goes_on()
        except Exception as error:  # nobody awaits this: what is not told here is told nowhere
            told = "Cancelling failed, and what was watched may still run: %s. %s"
            await self.say(ERROR, told, said(error), REAP)

    async def _cancel_unless_it_goes_on(self) -> None:
        """Insist while Azure is away: nothing bounds the time in a triggerer, but that it may end."""
        until = time.monotonic() + INSIST
        while True:
            seen = await self._task_seen()
            if not is_abandoned(seen, self.try_number, self.is_overdue):
                told = "The task goes on (%s) without this trigger. Nothing is cancelled."
                await self.say(INFO, told, seen.state)
                return
            try:
                return await self.cancel()
            except UnreachableError as error:
                pause = min(max(error.retry_after or 0.0, INSIST_PAUSE), LONGEST_PAUSE)
                if time.monotonic() + pause > until:
                    raise
                await self.say(WARNING, "Azure cannot be asked to cancel just now: %s", error)
                await asyncio.sleep(pause)

    async def _task_seen(self) -> TaskSight:
        for pause in ASK_AGAIN:
            try:
                return await task_seen(self.task_instance)
            except ServiceError as error:
                await self.say(WARNING, "%s; it is asked again in %s s", error, pause)
                await asyncio.sleep(pause)
        return await task_seen(self.task_instance)


def is_abandoned(seen: TaskSight, own_try: int | None, is_overdue: bool = False) -> bool:
    """Whether a trigger that Airflow took away leaves nobody behind who answers for the job.

    Airflow takes a trigger away when a person ends or clears the task, and also, by mistake, after a
    take-over by another triggerer. Then the task is `deferred`, or has been given the event and goes on,
    or a newer try of it does, which may be watching the very same job. Each of these cancels what has to
    be cancelled by itself.

    :param seen: what Airflow says about the task instance now.
    :param own_try: the try that waits in this trigger.
    :param is_overdue: whether the deadline of that wait has come. Airflow 2.11 then takes the trigger
        away, and fails the task without calling any code of ours: nobody is left, whatever it says.
    """
    is_known = own_try is not None and seen.try_number is not None
    if is_known and seen.try_number != own_try:
        return False
    return seen.state in OVER or (is_known and is_overdue and seen.state != DEFERRED)


async def in_background(work: Coroutine[Any, Any, T]) -> T:
    """Await work that goes on when who awaits it is cancelled."""
    task = asyncio.get_running_loop().create_task(work)
    _BACKGROUND.add(task)
    task.add_done_callback(_BACKGROUND.discard)
    return await asyncio.shield(task)
