# SPDX-License-Identifier: Apache-2.0
"""One watcher per event loop and connection: it asks for the states of all jobs of all triggers together.

All jobs of one interval are due at the same moment, so that N of them cost N / 100 requests, one
after the other; the moment is spread anew each time, with another phase in every watcher. Newcomers
wait a second for each other, then go first. "Not now" holds everything back, and ends no wait.

Who is asked: run history's batch endpoint; for whom it does not know, or where it is closed to this
identity, ARM's list of this deployment's jobs; for who is not in there either, ARM's single GET.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import random
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_azureml.errors import AzureMLError, ServiceError, UnreachableError, said
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.arm import Arm
from airflow_provider_azureml.triggers.gate import Gate

log = logging.getLogger(__name__)
GATHER = 1.0
"""Seconds for which newcomers wait for each other, so that 5,000 of them are not 5,000 requests."""
SPREAD = 0.1
"""Part of the interval by which a round may be late."""
REOPENS = 600.0
"""Seconds after which a batch endpoint that was closed to us is tried again: roles spread that long."""
CLOSED = frozenset({403, 404, 405, 501})
FEW = 3
"""So many jobs that the batch does not know are asked for one by one, more of them by list."""
QUIET = 5.0
"""A fault after which we may ask again so soon, in seconds, is told to nobody."""
SHORTEST, DAY = 0.001, 86_400.0
Answer = str | AzureMLError | None


@dataclass(eq=False)
class Seat:
    """One trigger's place. Its workspace is that of the first look: an edited connection moves no job.

    A new or late one waits for no turn; one at ARM is not asked for by batch.
    """

    watcher: Watcher
    name: str
    interval: float
    workspace: Workspace | None = None
    is_new: bool = True
    is_late: bool = False
    at_arm: bool = False
    due: float = 0.0
    answer: asyncio.Future[Answer] | None = None

    async def status(self, wait: float = 0.0) -> str:
        """The job's status at its next turn, no sooner than in `wait` seconds.

        Raises ServiceError when it is not to be had, and whatever is wrong with the connection.
        """
        return await self.watcher.status(self, wait)


class Watcher:
    """Asks for all seats of one connection in one loop. Its task lives while somebody waits."""

    def __init__(self, hook: AzureMLHook) -> None:
        self.users = 0
        self._hook = hook
        self._loop = asyncio.get_running_loop()
        self._phase = random.uniform(0.0, DAY)
        self._waiting: set[Seat] = set()
        self._task: asyncio.Task[None] | None = None
        self._lister: asyncio.Task[None] | None = None
        self._earlier = asyncio.Event()
        self._wakes = math.inf
        self._gate, self._arm = Gate(), Arm(hook)
        self._closed: dict[str, float] = {}

    async def status(self, seat: Seat, wait: float) -> str:
        """See `Seat.status`."""
        answer = await self._answer(seat, self._turn(seat, wait))
        if isinstance(answer, AzureMLError):
            raise answer
        if answer is not None:
            return answer
        workspace = seat.workspace or await self._hook.aworkspace()
        return await self._arm.status(workspace, seat.name)

    async def close(self) -> None:
        """The last trigger has left."""
        tasks = [task for task in (self._task, self._lister) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _turn(self, seat: Seat, wait: float) -> float:
        now = self._loop.time()
        if seat.is_new or seat.is_late:
            return now + min(GATHER, seat.interval)
        soonest = now + max(wait, SPREAD * seat.interval)
        number = math.ceil((soonest - self._phase) / seat.interval)
        # The same for all seats of this turn, whenever each of them takes its place.
        dice = hash((self._phase, number)) % 1000 / 1000
        return self._phase + seat.interval * (number + SPREAD * dice)

    async def _answer(self, seat: Seat, due: float) -> Answer:
        seat.due, seat.at_arm, seat.answer = due, False, self._loop.create_future()
        self._waiting.add(seat)
        if self._task is None or self._task.done():
            self._task = self._begin(self._work())
        if max(due, self._gate.opens) < self._wakes:
            self._earlier.set()
        try:
            return await seat.answer
        finally:
            self._waiting.discard(seat)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """In a context of its own: Airflow's would send what is logged to one trigger's task."""
        task = contextvars.Context().run(self._loop.create_task, work)
        task.add_done_callback(self._stopped)
        return task

    async def _work(self) -> None:
        while True:
            await self._until_due()
            try:
                async with self._hook.opened():
                    while True:
                        await self._ask_some()
                        await self._until_due()
            except AzureMLError as error:  # the connection or the sign-in, so it concerns everybody
                self._gate.hold(error)
                self._tell(self._due(), error)

    async def _until_due(self) -> None:
        while True:
            self._earlier.clear()
            first = min((seat.due for seat in self._waiting if not seat.at_arm), default=math.inf)
            self._wakes = max(first, self._gate.opens)
            if self._wakes <= self._loop.time():
                return
            # Not `wait_for`, which may swallow a cancel before Python 3.12.
            alarm = self._loop.call_at(min(self._wakes, self._loop.time() + DAY), self._earlier.set)
            try:
                await self._earlier.wait()
            finally:
                alarm.cancel()

    async def _ask_some(self) -> None:
        """One round of requests about those whose turn it is; the others follow at once."""
        workspace, seats = self._next(await self._hook.aworkspace())
        try:
            found = await self._batch(workspace, [seat.name for seat in seats])
        except UnreachableError as error:
            self._gate.hold(error)
            if self._gate.opens > self._loop.time() + QUIET:
                self._tell(seats, error)
                for seat in seats:
                    seat.is_late = True
            return
        self._gate.relieve()
        missing = [seat for seat in seats if not self._tell_found(seat, found)]
        if len(missing) <= FEW:
            self._tell(missing, None)
            return
        for seat in missing:
            seat.at_arm = True
        if self._lister is None or self._lister.done():
            self._lister = self._begin(self._list())

    async def _batch(self, workspace: Workspace, names: list[str]) -> dict[str, str]:
        """What run history knows; nothing where it is closed to this identity."""
        if self._is_closed(workspace):
            return {}
        try:
            found = await self._hook.arun(run_history.status_batch(workspace, names), ONCE)
        except UnreachableError:
            raise
        except ServiceError as error:
            if error.status == 401:
                raise
            if error.status in CLOSED:
                self._closed[workspace.path] = self._loop.time() + REOPENS
            return {}
        return {name: status for name, status in found.items() if isinstance(status, str)}

    async def _list(self) -> None:
        """Ask ARM for those whom the batch does not know; who comes meanwhile is asked for next."""
        while seats := [seat for seat in self._waiting if seat.at_arm]:
            workspace = seats[0].workspace or await self._hook.aworkspace()
            seats = [seat for seat in seats if seat.workspace == workspace]
            try:
                found = await self._arm.statuses(workspace, [seat.name for seat in seats])
            except AzureMLError as error:
                self._tell(seats, error)
                continue
            self._tell([seat for seat in seats if not self._tell_found(seat, found)], None)

    def _is_closed(self, workspace: Workspace) -> bool:
        return self._closed.get(workspace.path, 0.0) > self._loop.time()

    def _next(self, current: Workspace) -> tuple[Workspace, list[Seat]]:
        """Seats of one workspace, newcomers first; at most a batch of them where there are batches."""
        due = self._due()
        due.sort(key=lambda seat: (not seat.is_new, seat.due))
        for seat in due:
            seat.workspace = seat.workspace or current
        workspace = (due[0].workspace if due else None) or current
        seats = [seat for seat in due if seat.workspace == workspace]
        return workspace, seats if self._is_closed(workspace) else seats[: run_history.BATCH]

    def _due(self) -> list[Seat]:
        now = self._loop.time()
        waiting = [seat for seat in self._waiting if not seat.at_arm]
        return [s for s in waiting if s.due <= now or (s.is_new and s.due <= now + GATHER)]

    def _tell_found(self, seat: Seat, found: Mapping[str, str]) -> bool:
        if seat.name in found:
            self._tell([seat], found[seat.name])
        return seat.name in found

    def _tell(self, seats: Iterable[Seat], answer: Answer) -> None:
        for seat in seats:
            seat.is_new = seat.is_late = seat.at_arm = False
            self._waiting.discard(seat)
            if seat.answer and not seat.answer.done():
                seat.answer.set_result(answer)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours is an error like others: nobody may wait for ever, and the next turn begins anew."""
        error = None if task.cancelled() else task.exception()
        if error:
            told = partial(log.error, "A mistake of this package ended a round", exc_info=error)
            self._loop.run_in_executor(None, told)  # see `AzureMLBaseTrigger.say_all`
            self._tell(list(self._waiting), ServiceError(0, "RoundFailed", said(error)))


_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Watcher]] = WeakKeyDictionary()


@asynccontextmanager
async def watched(conn_id: str, hook: AzureMLHook, name: str, interval: float) -> AsyncIterator[Seat]:
    """A seat at the watcher of the running loop and this connection.

    The first seat's hook carries the requests out; `interval` is in seconds.
    """
    watchers = _LOOPS.setdefault(asyncio.get_running_loop(), {})
    watcher = watchers.get(conn_id) or watchers.setdefault(conn_id, Watcher(hook))
    watcher.users += 1
    try:
        yield Seat(watcher, name, max(interval, SHORTEST))
    finally:
        watcher.users -= 1
        if not watcher.users:
            del watchers[conn_id]
            await watcher.close()
