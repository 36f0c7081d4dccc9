# SPDX-License-Identifier: Apache-2.0
"""A worker: the process that runs a task, and the supervisor that beats, signals and kills."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from tests.reliability.world.airflow_model import HEARTBEAT_TIMEOUT, Deferral, TaskInstance, as_json

if TYPE_CHECKING:
    from tests.reliability.world.world import World

HEARTBEAT = 5.0
LAST_FAILED_HEARTBEAT = 3
ESCALATION = 5.0
"""From SIGTERM to SIGKILL (`supervisor.kill`)."""


class Worker:
    """One try of a task, or what goes on of it after a deferral."""

    def __init__(self, world: World, ti: TaskInstance) -> None:
        self.ti = ti
        self.ti_id = ti.id
        self.try_number = ti.try_number
        self.epoch = ti.max_tries
        self.partitioned = False
        self.on_kill_began: float | None = None
        self.error: BaseException | None = None
        self._world = world
        self._failed_beats = 0
        self._terminated = False
        self._silent_since: float | None = None
        self._operator: Any = None
        self.process = world.engine.spawn(f"worker-{len(world.airflow.workers) + 1}", self._main)
        self.process.owner = self
        world.engine.call_in(HEARTBEAT, self._beat)

    # -- The task's process

    def _main(self) -> None:
        if not self._world.airflow.begin(self):
            return
        with self._world.new_process():
            contextvars.copy_context().run(self._try)
        self._world.engine.call_in(1.0, lambda: self._world.airflow.lost(self))

    def _try(self) -> None:
        """As `task_runner.run` does: the outcome becomes one message to Airflow."""
        airflow = self._world.airflow
        try:
            result = self._execute()
        except TaskDeferred as deferred:
            self._defer(deferred)
        except AirflowFailException as error:
            self.error = error
            self._tell("failed", lambda: airflow.fail(self, may_retry=False))
        except Exception as error:
            self.error = error
            self._tell("retry", lambda: airflow.fail(self, may_retry=True))
        else:
            self._tell("xcom return_value", lambda: self._push("return_value", result))
            self._tell("success", lambda: airflow.succeed(self, result))

    def _execute(self) -> Any:
        self._operator = operator = self.ti.task.operator()
        operator.retries = self.ti.task.retries
        runtime = self._runtime()
        context = {
            "ti": runtime,
            "task_instance": runtime,
            "task": operator,
            "dag_run": self.ti.run,
            "task_state_store": self._store(),
        }
        ExecutorSafeguard.tracker.set(operator)
        if not self.ti.next_method:
            return operator.execute(context)
        return operator.resume_execution(self.ti.next_method, self.ti.next_kwargs, context)

    def _runtime(self) -> Any:
        """What an operator sees of its task instance."""
        ti = self.ti
        return SimpleNamespace(
            dag_id=ti.task.dag_id,
            run_id=ti.run_id,
            task_id=ti.task.task_id,
            map_index=ti.map_index,
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            start_date=ti.start_date,
            xcom_push=lambda key, value: self._tell(f"xcom {key}", lambda: self._push(key, value)),
        )

    def _store(self) -> Any:
        """The task state store of Airflow 3.3; it outlives tries and clears."""
        kept = self.ti.store

        def write(key: str, value: Any, retention: Any = None) -> None:
            self._tell(f"state store {key}", lambda: kept.update({key: value}))

        return SimpleNamespace(get=kept.get, set=write)

    def _push(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.ti.xcoms[key] = value

    def _defer(self, deferred: TaskDeferred) -> None:
        classpath, kwargs = deferred.trigger.serialize()
        timeout = deferred.timeout.total_seconds() if deferred.timeout else None
        row = Deferral(classpath, as_json(kwargs), deferred.method_name, deferred.kwargs or {}, timeout)
        self._tell("defer", lambda: self._world.airflow.defer(self, row))

    def _tell(self, what: str, act: Callable[[], None]) -> None:
        """A message to Airflow; a worker that is cut off speaks into the void."""
        self._world.failpoints.perform(self.process, what, (lambda: None) if self.partitioned else act)

    # -- The supervisor; it is gone when its machine is

    def terminate(self) -> None:
        """SIGTERM, and SIGKILL five seconds later."""
        if not self._terminated and not self.process.ended:
            self._terminated = True
            self.process.signal(self._on_term)
            self._world.engine.call_in(ESCALATION, self._kill)

    def _on_term(self) -> None:
        """Airflow's handler: it calls `on_kill` and returns into the task."""
        if self._operator is not None:
            self.on_kill_began = self._world.engine.now
            self._operator.on_kill()

    def _kill(self) -> None:
        if self.process.stalled:  # so is its supervisor
            self._world.engine.call_in(ESCALATION, self._kill)
            return
        was_alive = not self.process.ended
        self.process.kill()
        if was_alive and not self.partitioned:
            self._world.airflow.lost(self)

    def _beat(self) -> None:
        airflow, now = self._world.airflow, self._world.engine.now
        unheard = self.partitioned or self.process.stalled or not self.process.alive
        if not unheard:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        if self._silent_since is not None and now - self._silent_since >= HEARTBEAT_TIMEOUT:
            airflow.lost(self)
        if self.process.ended and not (unheard and airflow.concerns(self)):
            return
        if self.process.alive and not self.process.stalled:
            self._supervise()
        self._world.engine.call_in(HEARTBEAT, self._beat)

    def _supervise(self) -> None:
        if self.partitioned:
            self._failed_beats += 1
            if self._failed_beats >= LAST_FAILED_HEARTBEAT:
                self.terminate()
            return
        self._failed_beats = 0
        if not self._world.airflow.owns(self):
            self.terminate()
