# SPDX-License-Identifier: Apache-2.0
"""One nightly run: triggered, followed task by task, and judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from demo.airflow import Airflow
from demo.layout import DemoFailed
from demo.processes import Processes, wait_for

DAG = "nightly_retraining"
PARSE_SECONDS = 120.0
RUN_SECONDS = 1800.0
POLL_SECONDS = 1.0
#: Of a failed task's log: so many lines, so many characters of each.
LINES, WIDTH = 40, 300


@dataclass
class Run:
    """A DAG run and what its tasks came to."""

    airflow: Airflow
    run_id: str
    started: float = field(default_factory=time.monotonic)
    started_at: float = field(default_factory=time.time)
    states: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/dags/{DAG}/dagRuns/{self.run_id}"

    def result(self, task: str) -> Any:
        """What a task returned.

        :raises DemoFailed: where it returned nothing
        """
        path = f"{self.path}/taskInstances/{task}/xcomEntries/return_value"
        return self.airflow.get(path, deserialize=True)["value"]

    def log(self, task: str) -> list[str]:
        """The log of a task's last try, an event each."""
        last = self.airflow.get(f"{self.path}/taskInstances/{task}")["try_number"] or 1
        content = self.airflow.get(f"{self.path}/taskInstances/{task}/logs/{last}", full_content=True)[
            "content"
        ]
        return [_text(event) for event in content]


def _text(event: Any) -> str:
    if not isinstance(event, dict):
        return str(event)
    errors = event.get("error_detail") or []
    shown = [f"{one.get('exc_type')}: {one.get('exc_value')}" for one in errors if isinstance(one, dict)]
    return "\n".join([str(event.get("event", "")), *shown])


def _shown(events: list[str]) -> list[str]:
    """Lines for a person: without the marks that fold a log on Airflow's page."""
    return [line for event in events for line in event.splitlines() if not line.startswith("::")]


def trigger(airflow: Airflow, processes: Processes, *, schedules: bool = True) -> Run:
    """End what an interrupted demo left running, then start a run of our own.

    :param schedules: whether this Airflow's clock starts runs too
    """
    wait_for(f"DAG {DAG}", lambda: airflow.knows(DAG), processes, PARSE_SECONDS)
    _end_active_runs(airflow)
    airflow.patch(f"/dags/{DAG}", {"is_paused": False})
    # A DAG that is switched on first makes the run that its schedule owes, and may have one run at a time.
    if schedules:
        wait_for("The run that was due", lambda: not _overdue(airflow), processes, PARSE_SECONDS)
        _end_active_runs(airflow)
    now = datetime.now(timezone.utc).isoformat()
    body = {"logical_date": now, "conf": {"overreach": True}}
    return Run(airflow, airflow.post(f"/dags/{DAG}/dagRuns", body)["dag_run_id"])


def _overdue(airflow: Airflow) -> bool:
    due = airflow.get(f"/dags/{DAG}")["next_dagrun_run_after"]
    return datetime.fromisoformat(due.replace("Z", "+00:00")) <= datetime.now(timezone.utc)


def _end_active_runs(airflow: Airflow) -> None:
    for state in ("running", "queued"):
        for left in airflow.get(f"/dags/{DAG}/dagRuns", state=state)["dag_runs"]:
            airflow.patch(f"/dags/{DAG}/dagRuns/{left['dag_run_id']}", {"state": "failed"})


def follow(run: Run, processes: Processes, say: Callable[[str], None]) -> None:
    """Say every change of state until the run has ended.

    :raises DemoFailed: where the run or a task of it failed, with the end of that task's log
    """
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        processes.check()
        state = run.airflow.get(run.path)["state"]
        _say_changes(run, say)
        if state in ("success", "failed"):
            break
        if time.monotonic() > deadline:
            raise DemoFailed(f"The run was still {state} after {RUN_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    _judge(run, state)


def _say_changes(run: Run, say: Callable[[str], None]) -> None:
    for task in run.airflow.get(f"{run.path}/taskInstances")["task_instances"]:
        name, state = task["task_id"], task["state"]
        if state is None or run.states.get(name) == state:
            continue
        run.states[name] = state
        took = f"  ({task['duration']:.1f} s)" if task.get("end_date") and task.get("duration") else ""
        again = f"  try {task['try_number']}" if task["try_number"] > 1 else ""
        say(f"  {time.monotonic() - run.started:6.1f} s  {name:<14} {state}{took}{again}")


def _judge(run: Run, state: str) -> None:
    broken = sorted(name for name, end in run.states.items() if end == "failed")
    if broken:
        tail = "\n".join(f"    | {line[:WIDTH]}" for line in _shown(run.log(broken[0]))[-LINES:])
        raise DemoFailed(f"Task {broken[0]} ended as {run.states[broken[0]]}. The end of its log:\n{tail}")
    if state != "success":
        raise DemoFailed(f"The run ended as {state}.")
