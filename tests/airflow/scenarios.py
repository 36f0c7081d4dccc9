# SPDX-License-Identifier: Apache-2.0
"""What is done to one task instance, and the ledger that must come of it: written down beforehand.

Each scenario is a DAG of its own, with one task `job`. Both Airflow and the tests read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TASK = "job"
BY_US = r"Canceled \((killed|older epoch|killed, older epoch|older epoch, killed)\)"
"""Whoever of the two is first, the trigger or the next try, ends the job of a cleared task."""


@dataclass(frozen=True)
class Scenario:
    """One row.

    :param jobs: for each attempt, in order, a regular expression of its story.
    :param state: of the task instance, at last.
    :param tries: how often Airflow started the task, at least: where a trigger fires before the
        scheduler has seen the deferral, Airflow takes the task for lost and tries once more.
    :param options: arguments of the operator.
    :param failpoint: of the task's process; it fires once.
    :param job: `waits` works until the test lets it go, `fails once` fails in the first try.
    :param fault: what the sandbox does to the job's cancel.
    """

    jobs: tuple[str, ...]
    state: str
    tries: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    failpoint: str = ""
    job: str = "waits"
    fault: Mapping[str, Any] = field(default_factory=dict)


LATE = r"Canceled \((killed|deadline|killed, deadline|deadline, killed)\)"
"""Airflow's own time for a deferral is over: its trigger ends the job, or the task, which is told so."""
OLDER = r"Canceled \(older epoch\)"
DEFERRED, NO_WAIT = {"deferrable": True}, {"wait_for_completion": False}
ONE_TRY = {"deferrable": True, "retries": 0}
SCENARIOS = {
    # the try before lives on although Airflow has given it up
    "zombie_submits": Scenario(("Completed",), "success", 2, {}, "pause@before:PUT"),
    "zombie_is_killed": Scenario(("Completed",), "success", 2, {}, "pause@before:PUT"),
    "zombie_watches": Scenario(("Completed",), "success", 2, {}),
    # a lost machine
    "worker_lost_after_put": Scenario(("Completed",), "success", 2, DEFERRED, "worker137@after:PUT"),
    # `retries` of the DAG is edited between two tries
    "retries_edited": Scenario(("Completed",), "success", 2, {}, "exit137@after:PUT"),
    # deadlines
    "timeout_deferred": Scenario((r"Canceled \(deadline\)",), "failed", options={"timeout": 15, **ONE_TRY}),
    "execution_timeout_deferred": Scenario(
        (r"Canceled \(deadline\)",), "failed", options={"execution_timeout": 40, **ONE_TRY}
    ),
    "deferral_timeout": Scenario((LATE,), "failed", options=ONE_TRY),
    # what a person does while the task is deferred
    "mark_failed_deferred": Scenario((r"Canceled \(killed\)",), "failed", options=DEFERRED),
    "mark_success_deferred": Scenario((r"Canceled \(killed\)",), "success", options=DEFERRED),
    "clear_deferred": Scenario((BY_US, "Completed"), "success", 2, DEFERRED),
    "clear_after_success": Scenario(("Completed", "Completed"), "success", 2, DEFERRED),
    "delete_run_after_success": Scenario(("Completed", "Completed"), "success", 1, DEFERRED),
    # after it has ended, without waiting for its job
    "clear_while_its_job_runs": Scenario((OLDER, "Completed"), "success", 2, NO_WAIT),
    "delete_run_while_its_job_runs": Scenario((OLDER, "Completed"), "success", 1, NO_WAIT),
    # while it runs
    "mark_failed_running": Scenario((r"Canceled \(killed\)",), "failed"),
    "mark_success_running": Scenario((r"Canceled \(killed\)",), "success"),
    "clear_running": Scenario((BY_US, "Completed"), "success", 2),
    # a cancel that Azure answers late, or not at all
    "slow_cancel": Scenario(
        (r"Canceled \(killed\)",),
        "failed",
        options=DEFERRED,
        fault={"phase": "after", "action": {"stall_seconds": 3}},
    ),
    "lost_cancel": Scenario(
        (r"Canceled \(killed\)",),
        "failed",
        options=DEFERRED,
        fault={"phase": "before", "action": {"stall_seconds": 3}},
    ),
    # a task's process ends at a request, and Airflow tries again
    "killed_before_put": Scenario(("Completed",), "success", 2, DEFERRED, "exit137@before:PUT"),
    "killed_after_put": Scenario(("Completed",), "success", 2, DEFERRED, "exit137@after:PUT"),
    "killed_after_put_running": Scenario(("Completed",), "success", 2, {}, "exit137@after:PUT"),
    "killed_while_concluding": Scenario(("Completed",), "success", 2, DEFERRED, "exit137@after:GET"),
    "failed_once": Scenario(("Failed", "Completed"), "success", 2, DEFERRED, job="fails once"),
}


def failpoints() -> str:
    """The rules of all scenarios, one a line: rule n is of the n-th scenario that has one."""
    lines = [f"{row.failpoint} /jobs/{name}-{TASK}-" for name, row in SCENARIOS.items() if row.failpoint]
    return "\n".join(lines)


def failpoint_number(name: str) -> int:
    """Which rule a scenario has."""
    return [each for each, row in SCENARIOS.items() if row.failpoint].index(name)
