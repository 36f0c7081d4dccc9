# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest.job import Job

JOB = Job("a 1", "Running", "Command", experiment_name="my exp")
DENIED = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}})


def test_the_cancel_goes_first_and_the_reason_is_left_on_the_job(play, workspace) -> None:
    played = play(intent.cancel(workspace, JOB, "killed"), (202, b""), {})
    cancel, mark = played.requests
    assert (cancel.method, mark.method) == ("POST", "PATCH")
    assert "/jobs/a%201/cancel?" in cancel.url
    assert "/experiments/my%20exp/runs/a%201?" in mark.url
    assert mark.json == {"tags": {intent.CANCEL_TAG: "killed"}}
    assert mark.scope == "https://management.azure.com/.default"
    assert played.result == ""


def test_a_cancel_without_a_trace_is_still_a_cancel_and_says_why(play, workspace) -> None:
    played = play(intent.cancel(workspace, JOB, "killed"), (202, b""), DENIED)
    assert "AuthorizationFailed" in played.result


def test_a_refused_cancel_is_an_error_and_leaves_no_mark(play, workspace) -> None:
    with pytest.raises(DeniedError):
        play(intent.cancel(workspace, JOB, "killed"), DENIED)


def test_the_intent_is_read_from_the_tag_and_from_nothing_else() -> None:
    marked = Job("a", "Canceled", "Command", tags={intent.CANCEL_TAG: "deadline"})
    by_property = Job("a", "Canceled", "Command", properties={intent.CANCEL_TAG: "deadline"})
    assert intent.has_cancel_intent(marked)
    assert not intent.has_cancel_intent(by_property)
