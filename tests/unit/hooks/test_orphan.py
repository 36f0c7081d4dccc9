# SPDX-License-Identifier: Apache-2.0
"""The rule of the reaper: this table is it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_azureml.compat import TaskState
from airflow_provider_azureml.hooks.orphan import (
    END_STATES,
    Answer,
    Judgement,
    Unanswered,
    Verdict,
    judge,
    task_of,
)
from airflow_provider_azureml.naming import DEPLOYMENT, DETACHED, OWNER
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import Job
from tests.unit.hooks.living_job import made, marks

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
JUST_NOW = NOW - timedelta(seconds=299)
GONE, AWAY = None, Unanswered("no answer")
RUNNING, FAILED = TaskState("running"), TaskState("failed")
DETACHED_JOB: dict[str, Any] = {"properties": marks(**{DETACHED: "true"})}
ASKED: dict[str, Any] = {"tags": {CANCEL_TAG: "killed"}}
NEW: dict[str, Any] = {"created_at": JUST_NOW.isoformat()}
ENDING: dict[str, Any] = {"status": "CancelRequested"}


def decide(answer: Answer, job: Job, highest: int = 0) -> Judgement:
    return judge(job, task_of(job, "prod"), answer, highest, NOW, grace=300)


@pytest.mark.parametrize("state", sorted(END_STATES))
def test_a_job_whose_task_is_over_is_cancelled(state: str) -> None:
    assert decide(TaskState(state), made()) == Judgement(Verdict.CANCEL, f"its task is {state}")


@pytest.mark.parametrize(
    "state",
    [
        "",
        "scheduled",
        "queued",
        "running",
        "restarting",
        "deferred",
        "up_for_retry",
        "up_for_reschedule",
        "?",
    ],
)
def test_a_job_whose_task_may_still_run_is_left(state: str) -> None:
    """Also one that was cleared and whose new try has not begun: that try cancels what is older itself."""
    assert decide(TaskState(state), made()).verdict is Verdict.LEAVE


@pytest.mark.parametrize(
    "answer, changes, highest, verdict, reason",
    [
        (GONE, {}, 0, Verdict.CANCEL, "does not exist any more"),
        (AWAY, {}, 0, Verdict.UNKNOWN, "no answer"),
        (RUNNING, {}, 1, Verdict.CANCEL, "attempt 1 of its task has taken its place"),
        (AWAY, {}, 1, Verdict.UNKNOWN, "no answer"),
        (TaskState("failed", JUST_NOW), {}, 0, Verdict.LEAVE, "ended less than 300 s ago"),
        (TaskState("failed", NOW - timedelta(seconds=300)), {}, 0, Verdict.CANCEL, "is failed"),
        # How the job itself is comes before what its task says.
        (GONE, NEW, 0, Verdict.LEAVE, "younger than 300 s"),
        (FAILED, NEW, 0, Verdict.LEAVE, "younger than 300 s"),
        (RUNNING, NEW, 1, Verdict.LEAVE, "younger than 300 s"),
        (GONE, ENDING, 0, Verdict.LEAVE, "being cancelled already"),
        (GONE, {**ENDING, **ASKED}, 0, Verdict.LEAVE, "being cancelled already"),
        (GONE, DETACHED_JOB, 0, Verdict.LEAVE, "may outlive its task"),
        (FAILED, DETACHED_JOB, 0, Verdict.LEAVE, "may outlive its task"),
        (RUNNING, DETACHED_JOB, 1, Verdict.LEAVE, "may outlive its task"),
        # An end that was asked for, and did not come.
        (RUNNING, ASKED, 0, Verdict.CANCEL, r"was asked for \(killed\), and it goes on"),
        (AWAY, ASKED, 0, Verdict.CANCEL, "and it goes on"),
        (GONE, {**ASKED, **DETACHED_JOB}, 0, Verdict.CANCEL, "and it goes on"),
        (GONE, {**ASKED, **NEW}, 0, Verdict.LEAVE, "younger"),
        (GONE, {"created_at": "", "properties": marks()}, 0, Verdict.UNKNOWN, "nobody says when"),
        (GONE, {"status": "Thinking"}, 0, Verdict.CANCEL, "does not exist"),
        (RUNNING, {"status": "NotResponding"}, 0, Verdict.LEAVE, "its task is running"),
    ],
)
def test_the_rest_of_the_table(
    answer: Answer, changes: dict[str, Any], highest: int, verdict: Verdict, reason: str
) -> None:
    decided = decide(answer, made(**changes), highest)
    assert decided.verdict is verdict, decided.reason
    assert re.search(reason, decided.reason), decided.reason


def test_where_azure_does_not_say_when_a_job_was_made_its_try_does() -> None:
    young = made(marks(**{"airflow.began": JUST_NOW.isoformat()}), created_at="")
    old = made(marks(**{"airflow.began": "2026-01-01T00:00:00+00:00"}), created_at="")
    assert (decide(GONE, young).verdict, decide(GONE, old).verdict) == (Verdict.LEAVE, Verdict.CANCEL)


@pytest.mark.parametrize(
    "changes",
    [
        {DEPLOYMENT: "another"},
        {OWNER: "somebody-else"},
        {OWNER: ""},
        {"airflow.run_id": "another"},
        {"airflow.dag_id": ""},
        {"airflow.map_index": "0"},
        {"airflow.map_index": "x"},
        {"airflow.map_index": ""},
    ],
)
@pytest.mark.parametrize("answer", [GONE, FAILED])
@pytest.mark.parametrize("state", [{}, ASKED])
def test_a_job_whose_marks_do_not_fit_together_is_never_touched(
    answer: Answer, changes: dict[str, str], state: dict[str, Any]
) -> None:
    job = made(marks(**changes), name=made().name, **state)
    assert decide(answer, job).verdict is Verdict.LEAVE
    assert task_of(job, "prod") is None


def test_a_job_of_another_name_with_copied_marks_is_never_touched() -> None:
    """A clone in Studio takes the properties along."""
    assert (
        decide(GONE, made(name="clever_sky_42")).reason == "its marks do not match: it is not ours to cancel"
    )


@pytest.mark.parametrize("index", [-1, 0, 12])
def test_the_task_instance_is_read_from_the_marks(index: int) -> None:
    key = task_of(made(marks(map_index=index)), "prod")
    assert key is not None
    assert (key.dag_id, key.run_id, key.task_id, key.map_index) == ("d", "r", "t", index)
    assert str(key) == ("d / r / t" if index < 0 else f"d / r / t[{index}]")
