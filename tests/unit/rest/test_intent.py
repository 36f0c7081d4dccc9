# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.errors import DeniedError, NotFoundError, ServiceError
from airflow_provider_azureml.naming import OWNER
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest.job import Job

JOB = Job("a 1", "Running", "Command", experiment_name="my exp")
CONFLICT = (409, {"error": {"code": "Conflict", "message": "over"}})
DENIED = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}})


def test_the_reason_is_left_on_the_job_before_its_end_is_asked_for(play, workspace) -> None:
    played = play(intent.cancel(workspace, JOB, "killed"), {}, (202, b""))
    mark, cancel = played.requests
    assert (mark.method, cancel.method) == ("PATCH", "POST")
    assert "/jobs/a%201/cancel?" in cancel.url
    assert "/experiments/my%20exp/runs/a%201?" in mark.url
    assert mark.json == {"tags": {intent.CANCEL_TAG: "killed"}}
    assert mark.scope == "https://management.azure.com/.default"
    assert (mark.brief, cancel.brief) == (True, False)
    assert played.result == ""


def test_a_cancel_without_a_trace_is_still_a_cancel_and_says_why(play, workspace) -> None:
    played = play(intent.cancel(workspace, JOB, "killed"), DENIED, (202, b""), DENIED)
    assert [request.method for request in played.requests] == ["PATCH", "POST", "PATCH"]
    assert "AuthorizationFailed" in played.result


def test_a_trace_that_comes_late_is_a_trace(play, workspace) -> None:
    assert play(intent.cancel(workspace, JOB, "killed"), DENIED, (202, b""), {}).result == ""


def test_a_refused_cancel_is_an_error_and_its_mark_tells_the_next_try_to_cancel_again(
    play, workspace
) -> None:
    with pytest.raises(DeniedError):
        play(intent.cancel(workspace, JOB, "killed"), {}, DENIED)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_job_that_ended_before_it_was_asked_needs_no_cancel(play, workspace, status: str) -> None:
    over = {"name": "a", "properties": {"status": status}}
    assert play(intent.ask(workspace, "a"), CONFLICT, over).result is None


def test_a_living_job_that_cannot_be_cancelled_is_an_error(play, workspace) -> None:
    with pytest.raises(ServiceError, match="Conflict"):
        play(intent.ask(workspace, "a"), CONFLICT, {"name": "a", "properties": {"status": "Running"}})


def test_only_what_is_allowed_is_cancelled(play, workspace) -> None:
    found = {"name": "a", "properties": {"status": "Running", "experimentName": "e"}}
    left = play(intent.end(workspace, "a", "killed", lambda job: job.status != "Running"), found)
    asked = play(intent.end(workspace, "a", "killed", lambda job: job.name == "a"), found, {}, (202, b""))
    assert left.result == intent.Ending(asked=False)
    assert asked.result == intent.Ending(asked=True)


def test_a_job_that_is_not_found_was_not_cancelled(play, workspace) -> None:
    with pytest.raises(NotFoundError):
        play(intent.end(workspace, "a", "killed", lambda job: True), (404, {}))


@pytest.mark.parametrize(
    "tags, properties, number",
    [({}, {}, 0), ({}, {"airflow.try": "2"}, 2), ({"airflow.holder": "3"}, {"airflow.try": "2"}, 3)],
)
def test_the_newest_try_that_watches_a_job_holds_it(tags: Any, properties: Any, number: int) -> None:
    assert intent.holder(Job("a", "Running", "Command", tags=tags, properties=properties)) == number


@pytest.mark.parametrize(
    "status, owner, try_number, allowed",
    [
        ("Running", "me", 2, True),
        ("Running", "me", 3, True),
        ("Running", "me", None, True),
        ("Odd", "me", 2, True),
        ("Running", "me", 1, False),  # a newer try watches it
        ("Running", "you", 2, False),
        ("CancelRequested", "me", 2, False),
        ("Failed", "me", 2, False),
    ],
)
def test_the_fence(status: str, owner: str, try_number: int | None, allowed: bool) -> None:
    job = Job(
        "a", status, "Command", properties={OWNER: "me", intent.TRY: "1"}, tags={intent.HOLDER_TAG: "2"}
    )
    assert intent.may_cancel(job, owner, try_number) is allowed


def test_the_intent_is_read_from_the_tag_and_from_nothing_else() -> None:
    marked = Job("a", "Canceled", "Command", tags={intent.CANCEL_TAG: "deadline"})
    by_property = Job("a", "Canceled", "Command", properties={intent.CANCEL_TAG: "deadline"})
    assert intent.has_cancel_intent(marked)
    assert not intent.has_cancel_intent(by_property)
