# SPDX-License-Identifier: Apache-2.0
"""Waiting in a worker, and cancelling from one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.operators.base import AzureMLBaseOperator
from airflow_provider_azureml.operators.wait import Cancelled, cancel, watch
from airflow_provider_azureml.rest.intent import CANCEL_TAG, HOLDER_TAG
from airflow_provider_azureml.triggers.job import ENDED, ERROR, OWNER, TIMEOUT
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job, states

BATCH, HISTORY = "/batchrundata", "/experiments/e/runs/j"
MINE = {"properties": {OWNER: "me"}}


def task(hook: CannedHook, **options: Any) -> AzureMLBaseOperator:
    made = AzureMLBaseOperator(task_id="t", azureml_conn_id="aml", poll_interval=0.01, **options)
    made.hook = hook  # type: ignore[assignment]
    return made


def cancellable(status: str = "Running", **properties: Any) -> CannedHook:
    hook = CannedHook().on("GET", "/jobs/j", arm_job("j", status, **{**MINE, **properties}))
    return hook.on("POST", "/jobs/j/cancel", (202, {})).on("PATCH", HISTORY, {})


def in_turn(*statuses: str) -> list[Callable[[Any], Any]]:
    return [states({"j": status}) for status in statuses]


def test_the_job_is_watched_to_its_end_and_each_state_is_told_once() -> None:
    hook = CannedHook().on("POST", BATCH, *in_turn("Queued", "Running", "Running", "Completed"))
    with capture_logs() as said:
        event = watch(task(hook, stream_logs=False), "j", "me", None)
    assert event == {"name": "j", "owner": "me", "reason": ENDED, "status": "Completed", "error": ""}
    assert [line["event"] for line in said] == [
        f"Job j is {word}" for word in ("Queued", "Running", "Completed")
    ]


def test_a_poll_error_is_no_verdict_and_no_cancel() -> None:
    hook = CannedHook().on("POST", BATCH, BROKEN, BROKEN, states({"j": "Completed"}))
    assert watch(task(hook, stream_logs=False), "j", "me", None)["status"] == "Completed"
    assert hook.asked("POST", "/cancel") == []


def test_the_log_is_shown_while_the_job_runs() -> None:
    log = {"logFiles": {"user_logs/std_log.txt": "https://a.blob.core.windows.net/c/std_log.txt?sig=x"}}
    hook = CannedHook().on("POST", BATCH, *in_turn("Running", "Completed")).on("GET", "/runs/j/details", log)
    hook.on("GET", "std_log.txt", (206, b"one\n"), (206, b"\n"))
    with capture_logs() as said:
        watch(task(hook), "j", "me", None)
    assert [line["event"] for line in said] == ["Job j is Running", "one", "Job j is Completed"]


def test_the_log_of_a_job_that_is_not_ours_is_not_read() -> None:
    hook = CannedHook().on("POST", BATCH, states({"j": "Completed"}))
    assert watch(task(hook), "j", "", None)["reason"] == ENDED


@pytest.mark.parametrize("cancel_on_kill", [True, False])
def test_a_passed_deadline_cancels_the_job_and_is_an_event(cancel_on_kill: bool) -> None:
    hook = cancellable().on("POST", BATCH, states({"j": "Running"}))
    event = watch(task(hook, stream_logs=False, cancel_on_kill=cancel_on_kill), "j", "me", time.time() + 0.05)
    assert (event["reason"], event["status"], event["error"]) == (TIMEOUT, "Running", "")
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "deadline"}}


def test_a_cancel_that_failed_at_the_deadline_is_in_the_event() -> None:
    hook = cancellable().on("POST", "/cancel", DENIED)
    event = watch(task(hook, stream_logs=False), "j", "me", time.time() - 1)
    assert "AuthorizationFailed" in event["error"]


def test_a_task_that_was_told_to_end_stops_waiting_at_once() -> None:
    hook = CannedHook().on("POST", BATCH, states({"j": "Running"}))
    killed = task(hook, stream_logs=False)
    killed.was_killed = True
    with pytest.raises(AzureMLError, match="ended from outside"):
        watch(killed, "j", "me", None)
    assert hook.requests == []


def test_a_job_that_stays_unknown_ends_the_wait_when_the_patience_is_spent(monkeypatch) -> None:
    hook = CannedHook().on("POST", BATCH, states({})).on("GET", "/jobs/j", UNKNOWN_JOB)
    began = time.monotonic()
    hours = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: began + 3600 * next(hours))
    event = watch(task(hook, stream_logs=False), "j", "me", None)
    assert (event["reason"], "no such job" in event["error"]) == (ERROR, True)  # as in a triggerer
    assert hook.asked("POST", "/cancel") == []


def test_our_living_job_is_cancelled_with_the_reason_on_it() -> None:
    hook = cancellable()
    assert cancel(hook, "j", "me", "killed") == Cancelled()
    assert len(hook.asked("POST", "/jobs/j/cancel")) == 1
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "killed"}}


@pytest.mark.parametrize("status, owner", [("Running", "another"), ("Completed", "me"), ("Failed", "me")])
def test_a_job_that_is_not_ours_or_has_ended_is_left_alone(status: str, owner: str) -> None:
    hook = cancellable(status)
    assert cancel(hook, "j", owner, "killed") == Cancelled()
    assert hook.asked("POST") == []


def test_a_job_that_azure_does_not_know_was_not_cancelled(caplog) -> None:
    outcome = cancel(CannedHook().on("GET", "/jobs/j", UNKNOWN_JOB), "j", "me", "deadline")
    assert "no such job" in outcome.problem
    assert "may still run" in caplog.text


def test_a_failed_cancel_is_said_and_not_raised(caplog) -> None:
    hook = cancellable().on("POST", "/cancel", DENIED)
    assert "AuthorizationFailed" in cancel(hook, "j", "me", "killed").problem
    assert "may still run" in caplog.text
    assert "airflow azureml reap" in caplog.text
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "killed"}}  # for the next try


def test_a_cancel_that_leaves_no_trace_is_a_warning_since_a_retry_will_take_it_for_a_persons(caplog) -> None:
    hook = cancellable().on("PATCH", HISTORY, DENIED)
    outcome = cancel(hook, "j", "me", "killed")
    assert (outcome.problem, "AuthorizationFailed" in outcome.untraced) == ("", True)
    assert [
        "AuthorizationFailed" in line.message for line in caplog.records if line.levelname == "WARNING"
    ] == [True]


def test_a_job_in_a_newer_trys_hands_is_left_to_it() -> None:
    hook = cancellable(tags={HOLDER_TAG: "2"})
    assert cancel(hook, "j", "me", "killed", try_number=1) == Cancelled()
    assert hook.asked("POST") == []
    cancel(hook, "j", "me", "killed", try_number=2)
    assert len(hook.asked("POST", "/cancel")) == 1


def test_a_job_that_is_ending_already_is_not_asked_for_twice() -> None:
    hook = cancellable("CancelRequested")
    assert cancel(hook, "j", "me", "deadline") == Cancelled()
    assert hook.asked("POST") == []


def test_a_job_that_ended_before_its_cancel_came_needs_none() -> None:
    hook = cancellable().on("POST", "/cancel", (409, {"error": {"code": "Conflict", "message": "over"}}))
    hook.on("GET", "/jobs/j", arm_job("j", "Running", **MINE), arm_job("j", "Completed", **MINE))
    assert cancel(hook, "j", "me", "killed") == Cancelled()


def test_a_cancel_that_fails_by_a_mistake_of_ours_is_a_problem_for_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who then leaves the wish to cancel for the next try."""
    hook = cancellable().on("POST", "/jobs/j/cancel", RuntimeError("a mistake"))
    outcome = cancel(hook, "j", "me", "killed")  # type: ignore[arg-type]
    assert outcome.problem == "RuntimeError: a mistake"
    assert "may still run" in caplog.text
