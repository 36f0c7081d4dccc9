# SPDX-License-Identifier: Apache-2.0
"""Who ends a job whose task was ended: 9 ways x 8 states of the job x 3 ways of waiting (design D4).

What has to come of each cell stands here, written down before any of them was run; so does which cells
nobody but the reaper can close, and why. The ledger decides.

The `deferral timeout` of a task that does not defer is its `timeout`. SIGTERM goes to the process of the
task that there is, worker or triggerer. `pause+kill`: the DAG is paused and that process is killed by
SIGKILL; ten minutes later a person marks the task as failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from airflow_provider_azureml.naming import DEPLOYMENT, OWNER
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.reliability.cancel import (
    ACTS,
    DEADLINE,
    JOB_STATES,
    MODES,
    NEXT_TRY,
    NOBODY,
    REAPER,
    RESUME,
    TRIGGER,
    WORKER,
    Cancel,
    Outcome,
    Run,
    cells,
)
from tests.reliability.world.azure import CONNECTION, PERSON, Azure, azure
from tests.reliability.world.world import world

LETTERS = {WORKER: "W", TRIGGER: "T", DEADLINE: "D", RESUME: "R", NEXT_TRY: "N", REAPER: "!", NOBODY: "-"}
FOR_GOOD = ("mark failed", "mark success", "delete run", "dagrun_timeout")
"""No try of the task comes after these."""


@dataclass(frozen=True)
class Hookless:
    """Cells that only the reaper can close, and why."""

    acts: tuple[str, ...]
    job_states: tuple[str, ...]
    modes: tuple[str, ...]
    reason: str

    def __contains__(self, cell: Cancel) -> bool:
        return cell.act in self.acts and cell.job_state in self.job_states and cell.mode in self.modes


HOOKLESS = (
    Hookless(
        ("pause+kill",),
        tuple(state for state in JOB_STATES if state != "already done"),
        MODES,
        "When the task is marked, no process of it lives that Airflow could tell; a paused DAG has no next try.",
    ),
    Hookless(
        FOR_GOOD,
        ("network down",),
        ("sync", "resuming"),
        "Azure was away for longer than the five seconds that a worker's on_kill has; Airflow calls it once, and "
        "no try of the task comes after it. (A trigger's on_kill goes on until Azure is back.)",
    ),
)


@dataclass(frozen=True)
class Expected:
    """What has to come of a cell."""

    cancels: int
    status: str
    state: str
    by: frozenset[str]


def is_hookless(cell: Cancel) -> bool:
    return any(cell in each for each in HOOKLESS)


def expected(cell: Cancel) -> Expected:
    """The table, as its rules."""
    by = who(cell)
    if by == {NOBODY}:
        return Expected(0, "Completed", state_after(cell, is_stuck=False), by)
    is_stuck = cell.job_state == "CancelRequested stuck"
    status = "CancelRequested" if is_stuck else "Canceled"
    return Expected(1, status, state_after(cell, is_stuck), by)


def state_after(cell: Cancel, is_stuck: bool) -> str:
    """A task that may try again runs a job of its own; beside one that does not end, it does not."""
    marked = {"mark failed": "failed", "mark success": "success", "delete run": "removed"}
    marked |= {"dagrun_timeout": "skipped", "pause+kill": "failed"}
    return marked.get(cell.act, "failed" if is_stuck else "success")


def who(cell: Cancel) -> frozenset[str]:
    """Who has to cancel; two names where both may be first."""
    if cell.job_state == "already done":
        return frozenset({NOBODY})
    if cell.act == "SIGTERM" and cell.mode == "deferred":  # another triggerer takes over
        return frozenset({NOBODY})
    if cell.act == "deferral timeout" and cell.mode == "resuming":  # the wait is over: it means nothing
        return frozenset({NOBODY})
    if is_hookless(cell):
        return frozenset({REAPER})
    if cell.job_state == "network down":
        return who_later(cell)
    if cell.mode == "deferred":
        places = {"clear": {NEXT_TRY, TRIGGER}, "execution_timeout": {DEADLINE}, "deferral timeout": {RESUME}}
        return frozenset(places.get(cell.act, {TRIGGER}))
    if cell.act == "deferral timeout":
        return frozenset({DEADLINE})
    # Airflow's alarm and our own deadline are due at the same moment.
    return frozenset({WORKER, DEADLINE} if cell.act == "execution_timeout" else {WORKER})


def who_later(cell: Cancel) -> frozenset[str]:
    """Who cancels once Azure is back, where somebody of Airflow's is left to do so."""
    if cell.act in FOR_GOOD:
        return frozenset({TRIGGER})
    # The next try ends the job, or watches it on: it was not to be found out which job to end.
    watched_on = cell.act == "deferral timeout" and cell.mode == "deferred"
    return frozenset({NOBODY if watched_on else NEXT_TRY})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """An Azure of this module's own: the reaper looks at all jobs of its deployment."""
    with azure(tmp_path_factory.mktemp("cancel")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.connection())
        patch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "cancel")
        put_bystanders(made)
        yield made


def put_bystanders(made: Azure) -> None:
    """Living jobs that are none of ours, whatever their marks say; every cell has them beside it."""
    marks = {"airflow.dag_id": "d", "airflow.run_id": "r", "airflow.task_id": "t", "airflow.map_index": "-1"}
    jobs = {
        "by-hand": {},
        "of-another-airflow-0": {**marks, DEPLOYMENT: "another", OWNER: "of-another-airflow"},
        "clone": {**marks, DEPLOYMENT: "cancel", OWNER: "d-t-0"},
    }
    made.sandbox.timeline({"match": {}, "states": [{"after": 0, "status": "Running"}]})
    for name, properties in jobs.items():
        path = "/providers/Microsoft.MachineLearningServices/workspaces/nightly/jobs/" + quote(name)
        url = f"https://management.azure.com{made.sandbox.cloud.group_scope('nightly')}{path}"
        environment = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
        job = {
            "jobType": "Command",
            "command": "true",
            "environmentId": environment,
            "properties": properties,
        }
        body = json.dumps({"properties": job}).encode()
        answer = made.request("PUT", f"{url}?api-version=2024-10-01", made.sandbox.bearer(PERSON), body)
        assert answer.status == 201, answer


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("act", ACTS)
def test_a_job_whose_task_was_ended_is_ended_once_and_by_whom_it_should(
    act: str, mode: str, cloud: Azure, count: list[str]
) -> None:
    letters, slowest = "", 0.0
    for job_state in JOB_STATES:
        cell = Cancel(act, job_state, mode)
        with world(cloud, seed=1) as made:
            outcome = Run(cell, made).outcome()
        check(cell, outcome)
        letters += LETTERS[outcome.by]
        slowest = max(slowest, outcome.on_kill_seconds)
    count.append(f"cancel matrix  {act:<17}  {mode:<8}  {letters}  slowest on_kill {slowest:.1f} s")


def check(cell: Cancel, outcome: Outcome) -> None:
    wished = expected(cell)
    found = Expected(outcome.cancels, outcome.status, outcome.state or "", wished.by)
    assert found == wished, f"{cell}: {outcome}"
    assert outcome.by in wished.by, f"{cell}: {outcome}"
    assert outcome.foreign == [], f"{cell}: {outcome}"
    assert outcome.leaked == is_hookless(cell), f"{cell}: {outcome}"
    reaped = [tally.cancelled for tally in outcome.passes]
    assert reaped == [int(is_hookless(cell)), 0], f"{cell}: {outcome}"
    assert outcome.most_active == 1, f"{cell}: two jobs at once: {outcome}"
    check_promptness(cell, outcome)


def check_promptness(cell: Cancel, outcome: Outcome) -> None:
    """Seconds of virtual time; a request takes 0.02 to 0.2 of them."""
    assert outcome.on_kill_seconds < 4.0, f"{cell}: {outcome}"
    healthy = cell.job_state in ("queued", "running", "finalizing", "CancelRequested stuck")
    if outcome.by == WORKER:
        assert (outcome.reaction or 0.0) <= (1.0 if healthy else 4.0), f"{cell}: {outcome}"
    if healthy and outcome.by in (WORKER, TRIGGER):
        limit = 3.0 if outcome.by == TRIGGER else 7.0  # of which Airflow's heartbeat is five
        assert (outcome.since_act or 0.0) <= limit, f"{cell}: {outcome}"


class Deaf(AzureMLRunJobOperator):
    """An operator whose `on_kill` does nothing."""

    def on_kill(self) -> None:
        self.was_killed = True


def test_the_same_look_sees_what_an_operator_without_on_kill_leaks(cloud: Azure) -> None:
    with world(cloud, seed=1) as made:
        outcome = Run(Cancel("mark failed", "running", "sync"), made, Deaf).outcome()
    assert (outcome.leaked, outcome.by) == (True, REAPER)


def test_the_matrix_is_whole_and_the_reasons_are_given(count: list[str]) -> None:
    everything = cells()
    assert (len(everything), len(set(everything))) == (216, 216)
    assert all(each.reason for each in HOOKLESS)
    needy = [cell for cell in everything if is_hookless(cell)]
    states = ", ".join(JOB_STATES)
    count.append(f"cancel matrix  columns: {states}; W worker on_kill, T trigger on_kill, D deadline,")
    count.append(
        "cancel matrix  R resume, N next try, ! reaper, - nobody (nothing to cancel, or nothing was ended)"
    )
    for each in HOOKLESS:
        count.append(f"cancel matrix  ! {sum(cell in each for cell in everything)} cells: {each.reason}")
    count.append(
        f"cancel matrix  216 cells, {len(needy)} of them hookless, each closed by one pass of the reaper"
    )
