# SPDX-License-Identifier: Apache-2.0
"""One cell of the cancel matrix: how the task is waiting, how its job is, and who ends the task in which way.

The job that the cell is about is the first one, but for a resuming task, whose first job a clear has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

from airflow_provider_azureml.compat import task_states
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.hooks.reaping import GRACE, Reaper, Tally
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import CANCEL_REQUESTED, Job
from azure_sandbox.kernel.ledger import Effect
from tests.reliability.world.airflow_model import Task, TaskInstance
from tests.reliability.world.azure import CONNECTION, PERSON, SUBMITTER
from tests.reliability.world.cell import JOBS
from tests.reliability.world.engine import Process
from tests.reliability.world.triggerer import Triggerer
from tests.reliability.world.worker import Worker
from tests.reliability.world.world import World

ACTS = (
    "mark failed",
    "mark success",
    "clear",
    "delete run",
    "dagrun_timeout",
    "execution_timeout",
    "deferral timeout",
    "SIGTERM",
    "pause+kill",
)
JOB_STATES = (
    "queued",
    "running",
    "finalizing",
    "CancelRequested stuck",
    "already done",
    "throttled 429",
    "401",
    "network down",
)
MODES = ("sync", "deferred", "resuming")
WORKER, TRIGGER, DEADLINE = "worker on_kill", "trigger on_kill", "deadline"
RESUME, NEXT_TRY, REAPER = "resume", "next try", "reaper"
NOBODY = "nobody"
ACT_AT = 40.0
"""Seconds after the job's submission."""
SLOW_PUT = 15.0
"""Seconds for which a resuming worker waits for the answer to its PUT: so it is there when it is struck."""
OUTAGE = 120.0
NEVER = 1e9
LONG_LIFE = 4_000.0
OVER = ("success", "failed", "skipped", "removed")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cancel:
    """One cell."""

    act: str
    job_state: str
    mode: str

    def __str__(self) -> str:
        return f"{self.act}, {self.job_state}, {self.mode}"


def cells() -> list[Cancel]:
    """All of them."""
    return [Cancel(*each) for each in itertools.product(ACTS, JOB_STATES, MODES)]


@dataclass
class Outcome:
    """What came of a cell, by the ledger.

    :param cancels: the rows `cancel-requested` of the job that the cell is about.
    :param by: who sent that cancel.
    :param reason: what stands on the job about it.
    :param foreign: cancels of any other job.
    :param leaked: whether nobody answered for the living job before the reaper came.
    :param passes: what the passes of the reaper did, one each.
    :param reaction: seconds from the begin of a worker's `on_kill` to its POST; None where there was none.
    :param since_act: seconds from the act to the cancel.
    """

    cancels: int = 0
    by: str = NOBODY
    reason: str = ""
    foreign: list[str] = field(default_factory=list)
    status: str = ""
    state: str | None = None
    leaked: bool = False
    passes: list[Tally] = field(default_factory=list)
    on_kill_seconds: float = 0.0
    reaction: float | None = None
    since_act: float | None = None
    most_active: int = 0


class Run:
    """Carries a cell out in a world.

    :param operator: the shipped one, but for calibration.
    """

    def __init__(
        self, cell: Cancel, world: World, operator: type[AzureMLRunJobOperator] = AzureMLRunJobOperator
    ) -> None:
        self.cell = cell
        self.operator = operator
        self.world = world
        self.number = next(_numbers)
        self.dag_id = f"cancel-{self.number}"
        self.down_until = 0.0
        self.slow_puts = False
        self.acted_at: float | None = None
        #: When each on_kill of a worker began and ended.
        self.kills: list[tuple[float, float]] = []
        self.triggerer: Triggerer = world.triggerer()
        self.ti: TaskInstance

    # -- What is given

    def outcome(self) -> Outcome:
        """Run the cell to its end."""
        with disturbed(self):
            self._begin()
            self.world.engine.run(
                until=self.world.engine.now + 2_000.0, done=lambda: self.acted_at is not None
            )
            assert self.acted_at is not None, "the moment never came"
            self._rest()
            found = Outcome(leaked=self._is_leaked())
            found.passes = [self._reap(), self._reap()]
            self.world.engine.run(until=self.world.engine.now + 60.0)
        return self._read(found)

    def _begin(self) -> None:
        cell, azure = self.cell, self.world.azure
        azure.sandbox.heal()
        if cell.mode == "resuming":
            azure.sandbox.timeline(self._timeline(count=1, states=[(0, "Queued"), (5, "Running")]))
        azure.sandbox.timeline({**self._timeline(1, self._states()), "on_cancel": self._on_cancel()})
        azure.sandbox.timeline(self._timeline(None, [(0, "Queued"), (2, "Running"), (5, "Completed")]))
        retry_delay = NEVER if cell.act == "pause+kill" else 30.0  # a paused DAG has no next try
        task = Task(self._operator, self.dag_id, retry_delay=retry_delay)
        self.ti = self.world.airflow.run(task, f"run-{self.number}")
        self._when_submitted(0, self._clear_first if cell.mode == "resuming" else self._soon)

    def _timeline(self, count: int | None, states: list[tuple[float, str]]) -> dict[str, Any]:
        match: dict[str, Any] = {"experiment": f"^{self.dag_id}$", **({"count": count} if count else {})}
        return {"match": match, "states": [{"after": after, "status": word} for after, word in states]}

    def _states(self) -> list[tuple[float, str]]:
        """The life of the job that the cell is about; it is long, so that a leak is one."""
        quick = self.cell.mode == "resuming"  # everything is closer together there
        if self.cell.job_state == "already done":
            return [(0, "Running"), (0.5 if quick else ACT_AT - 0.5, "Completed")]
        early = {
            "queued": [(0.0, "Queued")],
            "finalizing": [(0.0, "Running"), (0.5 if quick else 20.0, "Finalizing")],
        }
        return [*early.get(self.cell.job_state, [(0.0, "Running")]), (LONG_LIFE, "Completed")]

    def _on_cancel(self) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = [{"after": 0, "status": CANCEL_REQUESTED}]
        is_stuck = self.cell.job_state == "CancelRequested stuck"
        return asked if is_stuck else [*asked, {"after": 2, "status": "Canceled"}]

    def _operator(self) -> AzureMLRunJobOperator:
        limits: dict[str, Any] = {}
        if self.cell.mode != "resuming":
            if self.cell.act == "execution_timeout":
                limits["execution_timeout"] = timedelta(seconds=ACT_AT)
            elif self.cell.act == "deferral timeout" and self.cell.mode == "sync":
                limits["timeout"] = ACT_AT  # the nearest thing that a task has which does not defer
        return timed(self.operator, self.world, self.kills)(
            task_id="run",
            job=JOBS["command"],
            poll_interval=30.0,
            stream_logs=False,
            deferrable=self.cell.mode != "sync",
            **limits,
        )

    # -- When it happens

    def _when_submitted(self, index: int, then: Callable[[], None]) -> None:
        """Call as soon as the job of that number exists."""
        engine = self.world.engine

        def look() -> None:
            if len(self._created()) > index:
                then()
            else:
                engine.call_in(0.25, look)

        look()

    def _clear_first(self) -> None:
        """The first job is running; a clear has the next try wait for its end, and then resume."""

        def clear() -> None:
            self.slow_puts = True
            self.world.airflow.clear(self.ti)
            self._when_submitted(1, self._at_once)

        self.world.engine.call_in(20.0, clear)

    def _soon(self) -> None:
        moment = self._created()[0].time - self.world.engine.epoch + ACT_AT
        if self.cell.act in ("execution_timeout", "deferral timeout") and self.cell.mode != "resuming":
            began = self.ti.start_date.timestamp() - self.world.engine.epoch  # type: ignore[union-attr]
            moment = began + ACT_AT
            self.world.engine.call_at(moment - 0.3, self._disturb)
        self.world.engine.call_at(moment, self._act)

    def _at_once(self) -> None:
        self.world.engine.call_in(1.0, self._act)

    # -- What happens

    def _act(self) -> None:
        self._disturb()
        self.acted_at = self.world.engine.now
        airflow, act = self.world.airflow, self.cell.act
        marks = {"mark failed": "failed", "mark success": "success", "dagrun_timeout": "skipped"}
        if act in marks:
            airflow.mark(self.ti, marks[act])
        elif act == "clear":
            airflow.clear(self.ti)
        elif act == "delete run":
            airflow.delete(self.ti)
        elif act == "execution_timeout":
            self._alarm()
        elif act == "deferral timeout":
            self._deferral_timeout()
        elif act == "SIGTERM":
            self._terminate()
        else:
            self._kill()

    def _disturb(self) -> None:
        """Azure begins to say no, where the cell is about that."""
        state, sandbox = self.cell.job_state, self.world.azure.sandbox
        own = self.world.azure.object_id(SUBMITTER)
        if state == "throttled 429":
            answer = {
                "status": 429,
                "headers": {"Retry-After": "1"},
                "body": {"error": {"code": "TooManyRequests"}},
            }
            match = {"method": "POST", "path": "/cancel$", "count": 1, "object_id": own}
        elif state == "401":
            answer = {"status": 401, "body": {"error": {"code": "ExpiredAuthenticationToken"}}}
            match = {"host": "management.azure.com", "count": 1, "object_id": own}
        else:
            self.down_until = self.world.engine.now + OUTAGE if state == "network down" else self.down_until
            return
        if not sandbox.cloud.faults.rules:
            sandbox.fault({"match": match, "phase": "before", "action": answer})

    def _alarm(self) -> None:
        """Airflow's own `execution_timeout`: SIGALRM raises in the worker. While deferred, there is none."""

        def ring() -> None:
            raise AirflowTaskTimeout

        worker = self._worker()
        if worker is not None:
            worker.process.signal(ring)

    def _deferral_timeout(self) -> None:
        """`defer(timeout=)` is over. Nobody waits in a worker, or in one that resumed."""
        for row in self.world.airflow.triggers.values():
            if row.ti is self.ti:
                self.world.airflow._time_out(row)

    def _terminate(self) -> None:
        """SIGTERM to whatever process of the task there is, as a rolling deploy sends it; the next one starts."""
        worker = self._worker()
        if worker is not None:
            worker.terminate()
        else:
            self.triggerer.stop()
            self.triggerer = self.world.triggerer(delay=31.0)  # the row is the old one's for 30 s

    def _kill(self) -> None:
        """SIGKILL while the DAG is paused; later a person marks the task, which nothing runs any more."""
        worker = self._worker()
        if worker is not None:
            worker.process.kill()
        else:
            self.triggerer.kill()
        self.world.engine.call_in(600.0, lambda: self.world.airflow.mark(self.ti, "failed"))
        self.world.engine.call_in(701.0, lambda: None)
        if worker is None:
            self.world.engine.call_in(660.0, self._replace)

    def _replace(self) -> None:
        self.triggerer = self.world.triggerer()

    def _worker(self) -> Worker | None:
        living = [
            each for each in self.world.airflow.workers if each.ti is self.ti and not each.process.ended
        ]
        return living[-1] if living else None

    # -- What comes of it

    def _rest(self) -> None:
        """Let time pass until the task has its end, and all that goes on in the background, too."""
        engine = self.world.engine

        def over() -> bool:
            settled = self.ti.state in OVER and self._worker() is None
            return settled and (self.cell.act != "pause+kill" or engine.now > (self.acted_at or 0) + 700.0)

        engine.run(until=engine.now + 20_000.0, done=over)
        assert over(), f"{self.cell}: the task is {self.ti.state}"
        engine.run(until=engine.now + 1_000.0)

    def _reap(self) -> Tally:
        process, done = reap_once(self.world)
        self.world.engine.run(until=self.world.engine.now + 300.0, done=lambda: process.ended)
        return done[0]

    def _is_leaked(self) -> bool:
        """Whether a job goes on that nobody answers for."""
        return any(
            not job.is_terminal and job.status != CANCEL_REQUESTED
            for job in map(self._look, {row.subject for row in self._created()})
        )

    def _look(self, subject: str) -> Job:
        """The job as the sandbox has it."""
        sandbox = self.world.azure.sandbox
        url = f"https://management.azure.com{subject}?api-version=2024-10-01"
        answer = sandbox.request("GET", url, sandbox.bearer(PERSON))
        assert answer.status == 200, answer
        return Job.from_arm(json.loads(answer.body))

    def _created(self) -> list[Effect]:
        return [row for row in self.world.azure.ledger() if row.effect == "created"]

    def _read(self, found: Outcome) -> Outcome:
        rows = self.world.azure.ledger()
        subject = self._created()[1 if self.cell.mode == "resuming" else 0].subject
        asked = [row for row in rows if row.effect == "cancel-requested"]
        ours = [row for row in asked if row.subject == subject]
        own = {row.subject for row in self._created()}
        found.cancels = len(ours)
        found.foreign = [row.subject for row in asked if row.subject not in own]
        job = self._look(subject)
        found.status, found.state = job.status, self.ti.state
        for row in ours:
            moment = row.time - self.world.engine.epoch
            found.since_act = moment - (self.acted_at or 0.0)
            began = [each[0] for each in self.kills if each[0] <= moment <= each[1]]
            found.reaction = moment - began[-1] if began else None
            found.reason = job.tags.get(CANCEL_TAG, "")
            found.by = self._who(self.world.senders[row.request_id].name, found)
        found.on_kill_seconds = max((end - begin for begin, end in self.kills), default=0.0)
        found.most_active = most_active(rows)
        return found

    def _who(self, sender: str, found: Outcome) -> str:
        """Which of the six places of design D4 it was."""
        if sender == "reaper":
            return REAPER
        if found.reaction is not None:
            return WORKER
        if found.reason == "deadline":
            resumed = self.cell.act == "deferral timeout" and self.cell.mode == "deferred"
            return RESUME if resumed else DEADLINE
        return TRIGGER if sender.startswith("triggerer") else NEXT_TRY


def reap_once(world: World, grace: float = GRACE) -> tuple[Process, list[Tally]]:
    """One pass of the reaper begins, as the example's task makes it; the tally is there at its end."""
    done: list[Tally] = []

    def main() -> None:
        with world.new_process():
            hook = AzureMLHook(CONNECTION)
            reaper = Reaper(hook, deployment_id(), task_states, acts=True, grace=grace)
            list(reaper.run())
            done.append(reaper.tally)

    return world.engine.spawn("reaper", main), done


def timed(
    kind: type[AzureMLRunJobOperator], world: World, kills: list[tuple[float, float]]
) -> type[AzureMLRunJobOperator]:
    """The operator inside Airflow's own `execution_timeout`; its kills are written down."""

    class Timed(kind):  # type: ignore[misc,valid-type]
        def execute(self, context: Any) -> Any:
            return self._alarmed(lambda: super(Timed, self).execute(context))

        def resume_execution(self, next_method: str, next_kwargs: Any, context: Any) -> Any:
            resume = super().resume_execution
            return self._alarmed(lambda: resume(next_method, next_kwargs, context))

        def _alarmed(self, work: Callable[[], Any]) -> Any:
            """As `task_runner._run_execute_callable` does."""
            try:
                return work()
            except AirflowTaskTimeout as late:
                self.on_kill()
                raise AirflowException("timeout") from late

        def on_kill(self) -> None:
            began = world.engine.now
            try:
                super().on_kill()
            finally:
                kills.append((began, world.engine.now))

    return Timed


def most_active(rows: list[Effect]) -> int:
    """The most jobs that lived at the same time."""
    living: set[str] = set()
    most = 0
    for row in rows:
        if row.effect == "created":
            living.add(row.subject)
        elif row.effect == "ended":
            living.discard(row.subject)
        most = max(most, len(living))
    return most


@contextmanager
def disturbed(run: Run) -> Iterator[None]:
    """The network of the cell: nothing gets through while it is down; a resuming worker's PUT is slow."""
    send, asend = RequestsTransport.send, AioHttpTransport.send
    world = run.world

    def is_down() -> bool:
        return world.engine.now < run.down_until

    def slow_send(transport: Any, request: Any, **options: Any) -> Any:
        process = world.engine.current
        assert process is not None
        if is_down():
            process.sleep(float(options.get("connection_timeout", 10.0)))
            raise ServiceRequestError("connection timed out")
        answer = send(transport, request, **options)
        if run.slow_puts and request.method == "PUT":
            process.sleep(SLOW_PUT)
        return answer

    async def slow_asend(transport: Any, request: Any, **options: Any) -> Any:
        if is_down():
            await asyncio.sleep(float(options.get("connection_timeout", 10.0)))
            raise ServiceRequestError("connection timed out")
        return await asend(transport, request, **options)

    RequestsTransport.send, AioHttpTransport.send = slow_send, slow_asend  # type: ignore[method-assign]
    try:
        yield
    finally:
        RequestsTransport.send, AioHttpTransport.send = send, asend  # type: ignore[method-assign]
