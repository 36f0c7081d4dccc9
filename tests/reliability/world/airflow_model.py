# SPDX-License-Identifier: Apache-2.0
"""What Airflow 3.3 does with a task instance: tries, clears, deferral, loss and reassignment.

A model of the scheduler and of the database, as small as its rules allow; the rules are those of
Airflow 3.3.2 (facts: `models/taskinstance.py`, `models/trigger.py`, the execution API). Workers and
triggerers are processes of their own: `worker.py`, `triggerer.py`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.reliability.world.triggerer import Triggerer
    from tests.reliability.world.worker import Worker
    from tests.reliability.world.world import World

QUEUE_SECONDS = 1.0
"""From "scheduled" to a worker that begins."""
HEARTBEAT_TIMEOUT = 300.0
"""`[scheduler] task_instance_heartbeat_timeout`."""
TRIGGERER_TIMEOUT = 30.0
"""`[triggerer] triggerer_health_check_threshold`."""
TIMEOUT_CHECK = 15.0
"""`[scheduler] trigger_timeout_check_interval`."""
FINISHED = ("success", "failed", "removed")


@dataclass
class Task:
    """What the DAG file says.

    :param operator: makes the operator anew, as each process does that parses the file.
    :param waits: whether the task's end is its job's end.
    """

    operator: Callable[[], Any]
    dag_id: str
    task_id: str = "run"
    waits: bool = True
    retries: int = 3
    retry_delay: float = 30.0


@dataclass(frozen=True)
class Change:
    """A task instance at a moment; `result` is what it pushed when it ended well by itself."""

    moment: float
    state: str | None
    try_number: int
    epoch: int
    result: Any = None


@dataclass
class DagRun:
    """What a task sees of its run, under Airflow's names."""

    start_date: datetime
    clear_number: int = 0


@dataclass(eq=False)
class TaskInstance:
    """A row of Airflow's table. `id` is new for every try, so that messages of an old try are refused."""

    task: Task
    run_id: str
    map_index: int
    max_tries: int
    run: DagRun
    id: int = 0
    try_number: int = 0
    state: str | None = None
    start_date: datetime | None = None
    next_method: str = ""
    next_kwargs: dict[str, Any] = field(default_factory=dict)
    trigger_id: int | None = None
    result: Any = None
    #: Whether its last state is a person's word.
    marked: bool = False
    xcoms: dict[str, Any] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What Airflow and the job's marks know it by."""
        return self.task.dag_id, self.run_id, self.task.task_id, self.map_index


@dataclass(frozen=True)
class Deferral:
    """A worker's message: the trigger, as JSON, and what comes after it."""

    classpath: str
    kwargs: str
    method: str
    next_kwargs: dict[str, Any]
    timeout: float | None


@dataclass
class Trigger:
    """A row of the table of triggers: everything in it went through JSON."""

    id: int
    classpath: str
    kwargs: str
    ti: TaskInstance
    try_number: int
    timeout_after: float | None
    #: Who runs it; the last one is meant to.
    triggerers: list[Triggerer] = field(default_factory=list)


class Airflow:
    """Scheduler, database and API server, which do not fail here; processes and people come to them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._engine = world.engine
        self._ids = itertools.count(1)
        self.instances: dict[tuple[str, str, str, int], TaskInstance] = {}
        #: Every instance that ever was, deleted ones too.
        self.runs: list[TaskInstance] = []
        self.triggers: dict[int, Trigger] = {}
        #: Every row that ever was.
        self.all_triggers: list[Trigger] = []
        self.workers: list[Worker] = []
        self.triggerers: list[Triggerer] = []

    # -- People

    def run(self, task: Task, run_id: str, map_index: int = -1) -> TaskInstance:
        """A run of the DAG begins."""
        run = DagRun(self._now())
        ti = TaskInstance(task, run_id, map_index, task.retries, run, id=next(self._ids))
        self.instances[ti.key] = ti
        self.runs.append(ti)
        self._schedule(ti)
        return ti

    def clear(self, ti: TaskInstance) -> None:
        """A person clears the task."""
        ti.id, ti.marked = next(self._ids), False
        ti.run.clear_number += 1
        if ti.state in FINISHED:
            ti.run.start_date = self._now()
        if ti.state == "running":
            self._set(ti, "restarting")
            return
        ti.max_tries = ti.try_number + ti.task.retries
        self._forget_deferral(ti)
        self._set(ti, None)
        self._schedule(ti)

    def mark(self, ti: TaskInstance, state: str) -> None:
        """A person marks the task as `success` or `failed`."""
        ti.trigger_id, ti.marked = None, True
        self._set(ti, state)

    def delete(self, ti: TaskInstance) -> None:
        """A person deletes the run."""
        del self.instances[ti.key]
        ti.trigger_id = None
        self._set(ti, "removed")

    # -- Workers

    def owns(self, worker: Worker) -> bool:
        """Whether the task instance is this worker's: the answer to its heartbeat."""
        return worker.ti.id == worker.ti_id and worker.ti.state == "running" and self._exists(worker.ti)

    def begin(self, worker: Worker) -> bool:
        """A worker asks to start; False when the task is no longer queued for it."""
        ti = worker.ti
        if ti.id != worker.ti_id or ti.state != "queued" or not self._exists(ti):
            return False
        if not ti.next_method:
            ti.start_date = self._now()
        self._set(ti, "running")
        return True

    def succeed(self, worker: Worker, result: Any) -> None:
        """`SucceedTask`; refused, like every message, when the task is no longer the worker's."""
        if self.owns(worker):
            worker.ti.result = result
            self._set(worker.ti, "success", result)

    def fail(self, worker: Worker, may_retry: bool) -> None:
        """`RetryTask`, or `TaskState` failed."""
        if self.owns(worker):
            self._fail(worker.ti, may_retry)

    def defer(self, worker: Worker, deferral: Deferral) -> None:
        """`DeferTask`."""
        if not self.owns(worker):
            return
        ti = worker.ti
        after = None if deferral.timeout is None else self._engine.now + deferral.timeout
        trigger = Trigger(next(self._ids), deferral.classpath, deferral.kwargs, ti, ti.try_number, after)
        self.triggers[trigger.id] = trigger
        self.all_triggers.append(trigger)
        ti.trigger_id, ti.next_method, ti.next_kwargs = trigger.id, deferral.method, deferral.next_kwargs
        self._set(ti, "deferred")
        if after is not None:
            self._engine.call_at(after + TIMEOUT_CHECK, lambda: self._time_out(trigger))

    def lost(self, worker: Worker) -> None:
        """Its process has ended without a word, or no heartbeat came for too long: the try has failed."""
        if self._is_restarting(worker):
            self._restart(worker.ti)
        elif self.owns(worker):
            self._fail(worker.ti, may_retry=True)

    def concerns(self, worker: Worker) -> bool:
        """Whether something still becomes of the task instance when this worker is lost."""
        return self.owns(worker) or self._is_restarting(worker)

    # -- Triggerers

    def assigned(self, triggerer: Triggerer) -> list[Trigger]:
        """What a triggerer is to run: unused rows are deleted, those of nobody alive are given to it."""
        for row in list(self.triggers.values()):
            if row.ti.trigger_id != row.id or row.ti.state != "deferred" or not self._exists(row.ti):
                del self.triggers[row.id]
            elif not row.triggerers or row.triggerers[-1].silent_for > TRIGGERER_TIMEOUT:
                row.triggerers.append(triggerer)
        return [row for row in self.triggers.values() if row.triggerers and row.triggerers[-1] is triggerer]

    def fire(self, trigger_id: int, payload: Any) -> None:
        """An event: the task goes on in a worker."""
        ti = self._waiting_for(trigger_id)
        if ti is not None:
            ti.next_kwargs = {**ti.next_kwargs, "event": json.loads(json.dumps(payload))}
            self._go_on(ti)

    def trigger_failed(self, trigger_id: int, problem: str) -> None:
        """A trigger ended without an event: the task goes on, to fail."""
        ti = self._waiting_for(trigger_id)
        if ti is not None:
            ti.next_method, ti.next_kwargs = "__fail__", {"error": "Trigger failure", "traceback": [problem]}
            self._go_on(ti)

    def state_of(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """What `GetTaskStates` answers."""
        ti = self.instances.get((dag_id, run_id, task_id, map_index))
        return ti.state if ti else None

    def notify(self) -> None:
        """Rows may have changed."""
        for triggerer in self.triggerers:
            triggerer.notify()

    # -- The scheduler

    def _schedule(self, ti: TaskInstance) -> None:
        ti.try_number += 1
        self._set(ti, "scheduled")
        self._enqueue(ti)

    def _go_on(self, ti: TaskInstance) -> None:
        ti.trigger_id = None
        self._set(ti, "scheduled")
        self._enqueue(ti)

    def _enqueue(self, ti: TaskInstance) -> None:
        ti_id = ti.id

        def start() -> None:
            if ti.id == ti_id and ti.state == "scheduled" and self._exists(ti):
                self._set(ti, "queued")
                self.workers.append(self._world.worker(ti))

        self._engine.call_in(QUEUE_SECONDS, start)

    def _fail(self, ti: TaskInstance, may_retry: bool) -> None:
        self._forget_deferral(ti)
        if may_retry and ti.try_number <= ti.max_tries:
            self._retry(ti)
        else:
            self._set(ti, "failed")

    def _restart(self, ti: TaskInstance) -> None:
        """A cleared task's process has ended: it gets one more try than it had."""
        ti.max_tries += 1
        self._forget_deferral(ti)
        self._retry(ti)

    def _retry(self, ti: TaskInstance) -> None:
        ti.id = next(self._ids)
        ti_id = ti.id
        self._set(ti, "up_for_retry")

        def again() -> None:
            if ti.id == ti_id and ti.state == "up_for_retry" and self._exists(ti):
                self._schedule(ti)

        self._engine.call_in(ti.task.retry_delay, again)

    def _time_out(self, trigger: Trigger) -> None:
        if self._waiting_for(trigger.id) is not None:
            trigger.ti.next_method, trigger.ti.next_kwargs = "__fail__", {"error": "Trigger timeout"}
            self._go_on(trigger.ti)

    def _waiting_for(self, trigger_id: int) -> TaskInstance | None:
        row = self.triggers.get(trigger_id)
        waits = row is not None and row.ti.trigger_id == trigger_id and row.ti.state == "deferred"
        return row.ti if row is not None and waits and self._exists(row.ti) else None

    def _is_restarting(self, worker: Worker) -> bool:
        latest = next(each for each in reversed(self.workers) if each.ti is worker.ti)
        return worker.ti.state == "restarting" and worker is latest and self._exists(worker.ti)

    def _exists(self, ti: TaskInstance) -> bool:
        return self.instances.get(ti.key) is ti

    @staticmethod
    def _forget_deferral(ti: TaskInstance) -> None:
        ti.next_method, ti.next_kwargs, ti.trigger_id = "", {}, None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._engine.time(), timezone.utc)

    def _set(self, ti: TaskInstance, state: str | None, result: Any = None) -> None:
        ti.state = state
        self._engine.attention = True
        ti.history.append(Change(self._engine.now, state, ti.try_number, ti.max_tries, result))
        if state != "deferred":
            ti.trigger_id = None
        self.notify()


def as_json(values: Mapping[str, Any]) -> str:
    """Arguments as they stand in Airflow's database; raises TypeError for what JSON cannot hold."""
    return json.dumps(values)
