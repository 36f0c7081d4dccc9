# SPDX-License-Identifier: Apache-2.0
"""A pass of the reaper over canned answers of Azure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_azureml.compat import TaskState
from airflow_provider_azureml.errors import DeniedError, ServiceError
from airflow_provider_azureml.hooks.orphan import Verdict
from airflow_provider_azureml.hooks.reaping import RUNS_PER_QUESTION, Reaper, Seen, Tally, to_json
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import Job
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job
from tests.unit.hooks.living_job import made, marks

States = dict[tuple[str, int], TaskState]


def answer_of(job: Job, status: str = "") -> dict[str, Any]:
    body = arm_job(job.name, status or job.status, properties=dict(job.properties), tags=dict(job.tags))
    body["systemData"] = {"createdAt": job.created_at}
    return body


def azure(*jobs: Job) -> CannedHook:
    """A workspace with these jobs; a cancel works at once."""
    hook = CannedHook()
    status = {job.name: job.status for job in jobs}
    hook.on("GET", "/jobs", lambda request: {"value": [answer_of(job, status[job.name]) for job in jobs]})

    def cancelled(name: str) -> tuple[int, dict[str, Any]]:
        status[name] = "Canceled"
        return 202, {}

    for job in jobs:
        hook.on("GET", f"/jobs/{job.name}", lambda request, job=job: answer_of(job, status[job.name]))
        hook.on("POST", f"/jobs/{job.name}/cancel", lambda request, job=job: cancelled(job.name))
        hook.on("PATCH", f"/runs/{job.name}", {})
    return hook


def reaper(hook: CannedHook, states: States | Exception, acts: bool = True) -> Reaper:
    def ask(dag_id: str, task_id: str, run_ids: Sequence[str]) -> States:
        if isinstance(states, Exception):
            raise states
        return states

    return Reaper(hook, "prod", ask, acts=acts)  # type: ignore[arg-type]


def test_a_job_whose_run_was_deleted_is_cancelled_and_says_by_whom() -> None:
    job = made()
    hook = azure(job)
    (seen,) = (made_pass := reaper(hook, {})).run()
    assert (seen.verdict, seen.outcome, seen.task) == (Verdict.CANCEL, "cancelled", "d / r / t")
    (patch,) = hook.asked("PATCH")
    assert patch.json == {"tags": {CANCEL_TAG: "reaped"}}
    assert made_pass.tally == Tally(checked=1, due=1, cancelled=1)


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    hook = azure(made())
    (seen,) = (made_pass := reaper(hook, {}, acts=False)).run()
    assert (seen.verdict, seen.outcome) == (Verdict.CANCEL, "")
    assert {request.method for request in hook.requests} == {"GET"}
    assert made_pass.tally == Tally(checked=1, due=1)
    assert to_json(made_pass.tally, acts=False)["dry_run"] is True


def test_the_next_pass_finds_nothing_to_do() -> None:
    hook = azure(made())
    list(reaper(hook, {}).run())
    again = reaper(hook, {})
    assert list(again.run()) == []
    assert again.tally == Tally()
    assert len(hook.asked("POST")) == 1


def test_each_job_is_judged_by_its_own_task_instance() -> None:
    jobs = [made(marks(map_index=0)), made(marks(map_index=1)), made(marks(run_id="other"))]
    states = {("r", 0): TaskState("running"), ("r", 1): TaskState("failed")}
    verdicts = [seen.verdict for seen in reaper(azure(*jobs), states).run()]
    assert verdicts == [Verdict.LEAVE, Verdict.CANCEL, Verdict.CANCEL]


def test_an_airflow_that_does_not_answer_saves_every_job_and_is_named() -> None:
    hook = azure(made(), made(marks(task_id="u")))
    made_pass = reaper(hook, ServiceError(0, "NoTaskState", "the API server is away"))
    for seen in made_pass.run():
        assert (seen.verdict, seen.task_state) == (Verdict.UNKNOWN, "(not to be had)")
        assert "the API server is away" in seen.line()
    assert made_pass.tally == Tally(checked=2, unknown=2)
    assert hook.asked("POST") == []


def test_airflow_is_asked_for_many_runs_of_a_task_at_once_and_for_one_task_at_a_time() -> None:
    asked: list[tuple[str, str, int]] = []

    def ask(dag_id: str, task_id: str, run_ids: Sequence[str]) -> States:
        asked.append((dag_id, task_id, len(run_ids)))
        return {(run_id, -1): TaskState("running") for run_id in run_ids}

    runs = RUNS_PER_QUESTION + 1
    jobs = [made(marks(run_id=f"r{n}", task_id=task)) for n in range(runs) for task in ("t", "u")]
    found = Reaper(azure(*jobs), "prod", ask, acts=True)  # type: ignore[arg-type]
    assert {seen.verdict for seen in found.run()} == {Verdict.LEAVE}
    assert asked == [("d", task, n) for task in ("t", "u") for n in (RUNS_PER_QUESTION, 1)]


def test_nobody_asks_airflow_about_a_job_whose_marks_do_not_match() -> None:
    made_pass = reaper(azure(made(name="clone")), AssertionError("nobody should ask"))
    (seen,) = made_pass.run()
    assert (seen.verdict, seen.task, seen.task_state) == (Verdict.LEAVE, "", "")


@pytest.mark.parametrize("answer", [UNKNOWN_JOB, "Completed", "CancelRequested"])
def test_a_job_that_ended_since_the_list_was_read_is_not_cancelled(answer: Any) -> None:
    job = made()
    found = answer_of(job, answer) if isinstance(answer, str) else answer
    hook = azure(job).on("GET", f"/jobs/{job.name}", found)
    (seen,) = (made_pass := reaper(hook, {})).run()
    assert (seen.outcome, hook.asked("POST")) == ("it has ended meanwhile", [])
    assert made_pass.tally == Tally(checked=1, due=1, ended=1)


def test_a_job_that_changed_its_owner_since_the_list_was_read_is_not_cancelled() -> None:
    job = made()
    hook = azure(job).on("GET", f"/jobs/{job.name}", answer_of(made({}, name=job.name)))
    list(reaper(hook, {}).run())
    assert hook.asked("POST") == []


@pytest.mark.parametrize("refusal", [DENIED, BROKEN])
def test_a_refused_cancel_is_told_and_the_others_go_on(refusal: Any) -> None:
    bad, good = made(), made(marks(task_id="u"))
    hook = azure(bad, good).on("POST", f"/jobs/{bad.name}/cancel", refusal)
    first, second = (made_pass := reaper(hook, {})).run()
    assert first.outcome.startswith("not cancelled: ")
    assert second.outcome == "cancelled"
    assert made_pass.tally == Tally(checked=2, due=2, cancelled=1, failed=1)


def test_a_cancel_that_could_not_be_marked_is_a_cancel_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = made()
    (seen,) = reaper(azure(job).on("PATCH", f"/runs/{job.name}", DENIED), {}).run()
    assert seen.outcome == "cancelled"
    assert "could not be marked" in caplog.text


def test_a_list_that_azure_does_not_give_is_an_error() -> None:
    with pytest.raises(DeniedError):
        list(reaper(CannedHook().on("GET", "/jobs", DENIED), {}).run())


def test_a_task_that_just_ended_has_its_grace() -> None:
    states = {("r", -1): TaskState("failed", datetime.now(timezone.utc))}
    (seen,) = reaper(azure(made()), states).run()
    assert (seen.verdict, "ended less than" in seen.reason) == (Verdict.LEAVE, True)


def test_a_line_holds_all_that_a_person_needs() -> None:
    seen = Seen("j-0", "Running", "d / r / t", "failed", Verdict.CANCEL, "its task is failed", "cancelled")
    assert seen.line() == "CANCEL   j-0  Running  d / r / t  failed  its task is failed -> cancelled"
    other = Seen("j-0", "Queued", "", "", Verdict.LEAVE, "its marks do not match")
    assert other.line() == "LEAVE    j-0  Queued  -    its marks do not match"


def test_the_sentence_counts() -> None:
    tally = Tally(checked=6, due=3, cancelled=1, ended=1, failed=1, left=2, unknown=1)
    assert tally.sentence() == (
        "6 living jobs: 3 without a task (1 cancelled, 1 ended, 1 failed to be cancelled), "
        "2 left, 1 unknown and left."
    )
