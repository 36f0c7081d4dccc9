# SPDX-License-Identifier: Apache-2.0
"""A job's end, as the task's."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_azureml.errors import JobCanceledError, JobFailedError, JobUserError, UnreachableError
from airflow_provider_azureml.operators.outcome import conclude, result_of, root_cause
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job

METRICS = {"run": {"data": {"metrics": [{"key": "auc", "value": 0.5}]}}}
EXITED = {"error": {"error": {"code": "UserError", "message": "exited with status code 1"}}}


def event(reason: str, error: str = "") -> dict[str, Any]:
    return {"name": "j", "reason": reason, "status": "", "error": error, "log_offset": 0}


def seen(status: str) -> dict[str, Any]:
    """The event of a watcher that saw this end."""
    return {**event(ENDED), "status": status}


def azure(status: str) -> CannedHook:
    made = CannedHook().on("GET", "/jobs/j", arm_job("j", status)).on("GET", "/runs/get", METRICS)
    return made.on("GET", "/runs/j/details", EXITED)


def test_a_completed_job_is_one_small_record() -> None:
    assert conclude(azure("Completed"), event(ENDED)) == {
        "name": "j",
        "status": "Completed",
        "studio_url": "",
        "outputs": {},
        "metrics": {"auc": 0.5},
    }


@pytest.mark.parametrize("refusal", [DENIED, BROKEN])
def test_metrics_that_are_not_to_be_had_do_not_undo_a_success(refusal: Any, caplog) -> None:
    hook = azure("Completed").on("GET", "/runs/get", refusal)
    with caplog.at_level(logging.WARNING):
        assert conclude(hook, event(ENDED))["metrics"] == {}
    assert "metrics of job j" in caplog.text


@pytest.mark.parametrize("status, kind", [("Failed", JobUserError), ("Canceled", JobCanceledError)])
def test_a_job_that_did_not_complete_is_an_error_with_azures_reason(status: str, kind: type) -> None:
    with pytest.raises(JobFailedError, match=f"j ended as {status}: exited with status code 1") as caught:
        conclude(azure(status), event(ENDED))
    assert type(caught.value) is kind


def test_a_job_that_was_cancelled_elsewhere_says_so_and_what_to_do() -> None:
    hook = azure("Canceled").on("GET", "/runs/j/details", {})
    with pytest.raises(
        JobCanceledError, match=r"j ended as Canceled: It was cancelled outside .* Clear the task"
    ):
        conclude(hook, event(ENDED))


def test_a_job_that_airflow_cancelled_is_not_blamed_on_others() -> None:
    job = Job("j", "Canceled", "Command", tags={CANCEL_TAG: "deadline"})
    with pytest.raises(JobCanceledError, match=r"Airflow asked for its end \(deadline\)") as caught:
        result_of(azure("Canceled"), job)
    assert caught.value.by_airflow


def test_a_job_that_was_deleted_after_its_end_is_an_error_that_a_retry_mends() -> None:
    gone = azure("Completed").on("GET", "/jobs/j", UNKNOWN_JOB)
    with pytest.raises(JobFailedError, match=r"ended as Completed: its result is not to be had.* deleted"):
        conclude(gone, {**event(ENDED), "status": "Completed"})


def test_a_failure_stays_a_failure_when_its_reason_is_not_to_be_had() -> None:
    with pytest.raises(JobFailedError, match=r"not to be had.*AuthorizationFailed"):
        conclude(azure("Failed").on("GET", "/details", DENIED), event(ENDED))


def test_a_state_that_was_not_to_be_had_is_no_verdict_about_the_job() -> None:
    with pytest.raises(UnreachableError, match="state of job j is not to be had: 403"):
        conclude(CannedHook(), event(ERROR, "403"))


@pytest.mark.parametrize("behind", ["Finalizing", "Running", "CancelRequested", "Odd"])
def test_an_end_that_arm_shows_a_moment_later_is_waited_for(behind: str) -> None:
    hook = azure("Completed").on("GET", "/jobs/j", arm_job("j", behind), arm_job("j", "Completed"))
    assert conclude(hook, seen("Completed"))["status"] == "Completed"
    assert len(hook.asked("GET", "/jobs/j")) == 2


@pytest.mark.parametrize("behind", ["Finalizing", "Running", "CancelRequested"])
def test_an_end_that_arm_does_not_show_is_the_one_that_was_seen(behind: str) -> None:
    record = conclude(azure(behind), seen("Completed"))
    assert (record["status"], record["metrics"]) == ("Completed", {"auc": 0.5})
    with pytest.raises(JobUserError, match="j ended as Failed: exited"):
        conclude(azure(behind), seen("Failed"))


def test_the_cancel_that_arm_does_not_show_is_still_airflows_own() -> None:
    behind = arm_job("j", "CancelRequested", tags={CANCEL_TAG: "older epoch"})
    with pytest.raises(JobCanceledError) as caught:
        conclude(azure("Running").on("GET", "/jobs/j", behind), seen("Canceled"))
    assert caught.value.by_airflow


def test_what_arm_says_about_an_end_counts_more_than_what_was_seen() -> None:
    with pytest.raises(JobUserError):
        conclude(azure("Failed"), seen("Completed"))


def test_a_job_that_has_not_ended_is_no_failed_job() -> None:
    with pytest.raises(UnreachableError, match="job j has not ended: it is Running"):
        result_of(azure("Running"), Job("j", "Running", "Command"))
    with pytest.raises(UnreachableError, match="has not ended"):
        conclude(azure("Running"), event(ENDED))


@pytest.mark.parametrize("status, kind", [("Failed", JobUserError), ("Canceled", JobCanceledError)])
def test_a_job_that_ended_before_its_deadline_passed_is_told_with_azures_reason(
    status: str, kind: type
) -> None:
    with pytest.raises(JobFailedError, match=f"j ended as {status}: exited with status code 1") as caught:
        conclude(azure(status), event(TIMEOUT))
    assert type(caught.value) is kind


def test_a_job_that_the_deadline_ended_is_told_as_that() -> None:
    ended = arm_job("j", "Canceled", tags={CANCEL_TAG: "deadline"})
    with pytest.raises(JobFailedError, match="deadline has passed, and its end was asked for") as caught:
        conclude(azure("Canceled").on("GET", "/jobs/j", ended), event(TIMEOUT))
    assert type(caught.value) is JobFailedError


def test_a_passed_deadline_fails_the_task_and_says_that_the_end_was_asked_for() -> None:
    with pytest.raises(JobFailedError, match="deadline has passed, and its end was asked for"):
        conclude(azure("CancelRequested"), event(TIMEOUT))


def test_a_deadline_whose_cancel_failed_says_so() -> None:
    with pytest.raises(JobFailedError, match="cancelling failed: 403"):
        conclude(azure("Running"), event(TIMEOUT, "403"))


def test_a_job_that_completed_at_the_last_moment_is_a_success() -> None:
    assert conclude(azure("Completed"), event(TIMEOUT))["status"] == "Completed"


def test_the_reasons_of_a_pipeline_are_those_of_its_failed_steps() -> None:
    steps = {
        "value": [
            {"runId": "s1", "status": "Completed", "displayName": "prep"},
            {"runId": "s2", "status": "Failed", "displayName": "train"},
            {"runId": "s3", "status": "Failed"},
        ]
    }
    hook = CannedHook().on("GET", "/runs/j/children", steps)
    for name in ("j", "s2", "s3"):
        code = "UserError" if name == "s3" else "ServiceError"
        error = {"error": {"code": code, "message": f"of {name}"}}
        hook.on("GET", f"/runs/{name}/details", {"error": error})
    kind, cause = hook.run(root_cause(hook.workspace, Job("j", "Failed", "Pipeline")))
    assert kind is JobUserError
    assert cause.splitlines() == ["of j", "Step train: of s2", "Step s3: of s3"]


def test_a_job_that_is_no_pipeline_is_not_asked_for_steps() -> None:
    with pytest.raises(JobFailedError, match="exited"):
        result_of(azure("Failed"), Job("j", "Failed", "Command"))
