# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job that something else submitted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_azureml.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_provider_azureml.rest.job import COMPLETED as AZURES_COMPLETED
from airflow_provider_azureml.sensors.base import ENDED
from airflow_provider_azureml.sensors.job import COMPLETED, AzureMLChildJobSensor, AzureMLJobSensor
from airflow_provider_azureml.triggers.job import ENDED as TRIGGERS_ENDED
from airflow_provider_azureml.triggers.job import ERROR, TIMEOUT
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job


def sensor(*answers: Any, **options: Any) -> AzureMLJobSensor:
    made = AzureMLJobSensor(**{"task_id": "s", "job": "j", "poll_interval": 0.01, **options})
    made.hook = CannedHook().on("GET", "/jobs/j", *answers)  # type: ignore[assignment]
    return made


def event(reason: str, status: str = "", error: str = "") -> dict[str, Any]:
    return {"name": "j", "reason": reason, "status": status, "error": error}


def test_the_words_that_are_said_twice_are_the_same() -> None:
    assert (COMPLETED, ENDED) == (AZURES_COMPLETED, TRIGGERS_ENDED)


def test_the_result_of_a_task_or_a_name_names_the_job() -> None:
    assert sensor({}, job="j").name == sensor({}, job={"name": "j", "status": "Queued"}).name == "j"


@pytest.mark.parametrize("job", ["", {}, {"status": "Completed"}])
def test_a_job_without_a_name_is_refused_before_any_request(job: Any) -> None:
    made = sensor({}, job=job)
    with pytest.raises(AirflowFailException, match="job: names no job"):
        made.poke({})
    assert made.hook.requests == []


def test_it_pokes_until_the_job_has_completed() -> None:
    running, done = arm_job("j", "Running"), arm_job("j", "Completed")
    made = sensor(running, BROKEN, running, done)
    made.execute({})
    assert len(made.hook.requests) == 4


@pytest.mark.parametrize("status", ["Failed", "Canceled"])
def test_a_job_that_did_not_complete_fails_the_sensor_for_good_or_skips_it(status: str) -> None:
    with pytest.raises(AirflowFailException, match=f"Job j ended as {status}"):
        sensor(arm_job("j", status)).poke({})
    with pytest.raises(AirflowSkipException, match=status):
        sensor(arm_job("j", status), soft_fail=True).poke({})


def test_an_unreachable_service_says_neither_yes_nor_no() -> None:
    assert sensor(BROKEN).poke({}) is False


@pytest.mark.parametrize("refusal, code", [(DENIED, "AuthorizationFailed"), (UNKNOWN_JOB, "NotFound")])
def test_a_refusal_ends_the_sensor_with_azures_words(refusal: Any, code: str) -> None:
    with pytest.raises(AirflowFailException, match=code):
        sensor(refusal).poke({})


def test_a_deferrable_sensor_looks_once_and_then_waits_without_any_right_to_cancel() -> None:
    made = sensor(arm_job("j", "Running"), deferrable=True, poll_interval=7, timeout=100)
    with pytest.raises(TaskDeferred) as caught:
        made.execute({})
    arguments = caught.value.trigger.arguments()
    assert (arguments["job_name"], arguments["poll_interval"], caught.value.method_name) == ("j", 7, "resume")
    assert (arguments["owner"], arguments["cancel_on_kill"], arguments["stream_logs"]) == ("", False, False)
    assert arguments["deadline"] == pytest.approx(time.time() + 100, abs=5)


def test_a_job_that_has_completed_is_not_waited_for() -> None:
    assert sensor(arm_job("j", "Completed"), deferrable=True).execute({}) is None


def test_the_triggers_good_news_ends_the_sensor() -> None:
    assert sensor({}).resume({}, event(ENDED, "Completed")) is None


def test_the_triggers_bad_news_fails_the_sensor_for_good_or_skips_it() -> None:
    with pytest.raises(AirflowFailException, match="ended as Canceled"):
        sensor({}).resume({}, event(ENDED, "Canceled"))
    with pytest.raises(AirflowSkipException):
        sensor({}, soft_fail=True).resume({}, event(ENDED, "Failed"))


@pytest.mark.parametrize("reason", [TIMEOUT, ERROR])
def test_a_job_that_was_not_seen_to_end_may_be_looked_at_again(reason: str) -> None:
    with pytest.raises(AirflowException, match=f"not seen to end \\({reason}\\). why") as caught:
        sensor({}).resume({}, event(reason, "Running", "why"))
    assert not isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException):
        sensor({}, soft_fail=True).resume({}, event(reason, "Running", "why"))


def children(**statuses: str) -> dict[str, Any]:
    """Run history's answer about the steps of a pipeline."""
    return {"value": [{"runId": f"run-{k}", "displayName": k, "status": v} for k, v in statuses.items()]}


def child_sensor(*answers: Any, parent: str = "Running", **options: Any) -> AzureMLChildJobSensor:
    given = {"task_id": "s", "job": {"name": "pipe"}, "child": "train", "poll_interval": 0.01, **options}
    made = AzureMLChildJobSensor(**given)
    hook = (
        CannedHook()
        .on("GET", "/runs/pipe/children", *answers)
        .on("GET", "/jobs/pipe", arm_job("pipe", parent))
    )
    reason = {"status": "Failed", "error": {"error": {"code": "UserError", "message": "exit code 3"}}}
    made.hook = hook.on("GET", "/runs/run-train/details", reason)  # type: ignore[assignment]
    return made


def test_a_step_is_waited_for_from_before_it_began_until_it_completed() -> None:
    made = child_sensor(UNKNOWN_JOB, children(prep="Running"), children(prep="Completed", train="Running"))
    assert [made.poke({}), made.poke({}), made.poke({})] == [False, False, False]
    made.hook.on("GET", "/runs/pipe/children", children(train="Completed"))  # type: ignore[attr-defined]
    assert made.execute({}) == {"name": "run-train", "status": "Completed"}


def test_a_failed_step_fails_the_sensor_with_the_steps_own_reason_while_the_pipeline_runs() -> None:
    with pytest.raises(AirflowFailException, match=r"Step train ended as Failed\. exit code 3"):
        child_sensor(children(train="Failed")).poke({})


def test_a_pipeline_that_ended_without_the_step_fails_the_sensor() -> None:
    with pytest.raises(
        AirflowFailException, match="Job pipe ended as Canceled, and its step train never began"
    ):
        child_sensor(children(prep="Canceled"), parent="Canceled").poke({})


def test_a_step_that_began_between_two_answers_is_found_by_the_second_look() -> None:
    assert child_sensor(children(), children(train="Completed"), parent="Completed").poke({}) is True


def test_a_step_is_waited_for_in_the_triggerer_by_names_alone() -> None:
    with pytest.raises(TaskDeferred) as caught:
        child_sensor(children(), deferrable=True, timeout=50).execute({})
    arguments = caught.value.trigger.arguments()
    assert (arguments["job_name"], arguments["child"]) == ("pipe", "train")
