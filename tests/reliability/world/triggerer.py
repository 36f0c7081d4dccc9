# SPDX-License-Identifier: Apache-2.0
"""A triggerer: Airflow's own `TriggerRunner` in a virtual event loop, and its supervisor's rounds."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.jobs.triggerer_job_runner import TriggerRunner

from tests.reliability.world.airflow_model import TRIGGERER_TIMEOUT, Trigger
from tests.reliability.world.clock import VirtualLoop

if TYPE_CHECKING:
    from tests.reliability.world.world import World

ROUND = 1.0
"""Seconds between two looks of a triggerer at its rows."""


class Silent:
    """Airflow's structured log, unheard."""

    def __getattr__(self, name: str) -> Any:
        return _unheard_later if name.startswith("a") else _unheard


def _unheard(*words: Any, **fields: Any) -> None:
    """Nobody listens."""


async def _unheard_later(*words: Any, **fields: Any) -> None:
    """Nobody listens."""


class Triggerer:
    """One triggerer process. A round takes place when something changed, as if there was one each second."""

    def __init__(self, world: World, delay: float = 0.0) -> None:
        self._world = world
        #: When it was first told that a trigger is gone.
        self.on_kill_began: float | None = None
        self._runner: Any = None
        self._changed: asyncio.Event | None = None
        self._silent_since: float | None = None
        number = len(world.airflow.triggerers) + 1
        self.process = world.engine.spawn(f"triggerer-{number}", self._main, delay)
        self.process.owner = self

    @property
    def silent_for(self) -> float:
        """Seconds without a heartbeat: it beats unless it is stopped or dead."""
        return 0.0 if self._silent_since is None else self._world.engine.now - self._silent_since

    def stall(self) -> None:
        """SIGSTOP."""
        self.process.stall()
        self._fall_silent()

    def unstall(self) -> None:
        """SIGCONT."""
        self._silent_since = None
        self.process.unstall()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """SIGTERM: triggers are cancelled without the message of a user's action, then it exits."""
        self.process.signal(self._stop)

    def _fall_silent(self) -> None:
        if self._silent_since is None:
            self._silent_since = self._world.engine.now
            self._world.engine.call_in(TRIGGERER_TIMEOUT + ROUND, self._world.airflow.notify)

    def notify(self) -> None:
        """A row has changed: the next round sees it."""
        if self._changed is not None and not self.process.ended:
            self._world.engine.call_in(ROUND, self._look)

    def _look(self) -> None:
        if self._changed is not None and not self.process.ended:
            self._changed.set()
            self.process.wake()

    def _stop(self) -> None:
        if self._runner is not None:
            self._runner.stop = True
            self._changed.set()  # type: ignore[union-attr]

    # -- The process

    def _main(self) -> None:
        try:
            with self._world.new_process():
                VirtualLoop(self.process).live(self._serve())
        finally:
            self._fall_silent()

    async def _serve(self) -> None:
        self._runner = runner = TriggerRunner()
        runner.log = Silent()
        self._changed = asyncio.Event()
        while not runner.stop:
            self._changed.clear()
            await self._round(runner)
            pause = ROUND if self._has_cancelled(runner) else math.inf
            await self._next_round(pause)
        for details in list(runner.triggers.values()):
            details["task"].cancel()
        await asyncio.gather(*(d["task"] for d in runner.triggers.values()), return_exceptions=True)

    async def _next_round(self, pause: float) -> None:
        assert self._changed is not None
        if pause < math.inf:
            asyncio.get_running_loop().call_later(pause, self._changed.set)
        await self._changed.wait()

    async def _round(self, runner: Any) -> None:
        rows = {row.id: row for row in self._world.airflow.assigned(self)}
        for row in rows.values():
            if row.id not in runner.triggers and row.id not in self._finished(runner):
                self._begin(runner, row)
        # Every round anew until the trigger has ended: that is how Airflow 3.3.2 interrupts a slow on_kill.
        gone = [id for id in runner.triggers if id not in rows]
        if gone and self.on_kill_began is None:
            self.on_kill_began = self._world.engine.now
        runner.to_cancel.extend(gone)
        await runner.cancel_triggers()
        await runner.cleanup_finished_triggers()
        self._report(runner)

    def _begin(self, runner: Any, row: Trigger) -> None:
        kind = runner.get_trigger_by_classpath(row.classpath)
        trigger = kind(**json.loads(row.kwargs))
        ti = row.ti
        place = {"dag_id": ti.task.dag_id, "run_id": ti.run_id, "task_id": ti.task.task_id}
        trigger.task_instance = SimpleNamespace(
            **place, map_index=ti.map_index, try_number=ti.try_number, id=ti.id, context_carrier=None
        )
        after = row.timeout_after
        moment = (
            None if after is None else datetime.fromtimestamp(self._world.engine.epoch + after, timezone.utc)
        )
        task = asyncio.get_running_loop().create_task(runner.run_trigger(row.id, trigger, moment))
        task.add_done_callback(lambda done: self._changed and self._changed.set())
        runner.triggers[row.id] = {"task": task, "is_watcher": False, "name": str(row.id), "events": 0}

    def _report(self, runner: Any) -> None:
        """To the database: what fired, and what ended without."""
        airflow = self._world.airflow
        while runner.events:
            entry = runner.events.popleft()
            self._tell("event", lambda entry=entry: airflow.fire(entry.trigger_id, entry.event.payload))
        while runner.failed_triggers:
            trigger_id, error = runner.failed_triggers.popleft()
            self._tell("failure", lambda i=trigger_id, e=error: airflow.trigger_failed(i, repr(e)))

    def _tell(self, what: str, act: Any) -> None:
        self._world.failpoints.perform(self.process, what, act)

    @staticmethod
    def _finished(runner: Any) -> set[int]:
        return {entry.trigger_id for entry in runner.events} | {each[0] for each in runner.failed_triggers}

    @staticmethod
    def _has_cancelled(runner: Any) -> bool:
        return any(details["task"].cancelling() for details in runner.triggers.values())
