# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_azureml.errors import DeniedError, NotFoundError, ServiceError
from airflow_provider_azureml.rest import job
from airflow_provider_azureml.rest.job import Job, Result

MISSING = (404, {"error": {"code": "NotFound", "message": "no such job"}})


def test_a_job_is_put_under_its_name_with_armstyle_address_and_token(play, workspace, arm_job) -> None:
    body = {"properties": {"jobType": "Command", "command": "true"}}
    played = play(job.submit(workspace, "a-1", body), (201, arm_job("a-1", "NotStarted")))
    (request,) = played.requests
    assert request.method == "PUT"
    assert request.url == (
        "https://management.azure.com/subscriptions/sub/resourceGroups/rg/providers"
        "/Microsoft.MachineLearningServices/workspaces/ws/jobs/a-1?api-version=2024-10-01"
    )
    assert request.scope == "https://management.azure.com/.default"
    assert request.json == body
    assert played.result.status == "NotStarted"


def test_a_put_of_an_existing_name_with_another_body_is_an_error_with_azures_text(play, workspace) -> None:
    text = "A job with this name already exists. ... cannot be changed."
    with pytest.raises(ServiceError, match="already exists"):
        play(job.submit(workspace, "a", {}), (400, {"error": {"code": "UserError", "message": text}}))


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_three_words_end_a_job(status: str) -> None:
    assert job.is_terminal(status)


@pytest.mark.parametrize(
    "status", ["Running", "CancelRequested", "NotResponding", "Paused", "Unknown", "", "Brandnew"]
)
def test_every_other_word_known_or_not_means_still_going(status: str) -> None:
    assert not job.is_terminal(status)


def test_a_job_survives_the_way_through_json(workspace, arm_job) -> None:
    made = Job.from_arm(
        arm_job(
            "a",
            "Completed",
            experimentName="e",
            displayName="d",
            services={"Studio": {"endpoint": "https://ml.azure.com/runs/a"}},
            outputs={"model": {"uri": "azureml://m", "jobOutputType": "uri_folder"}, "none": None},
            inputs={"x": {"value": "1"}, "y": {"uri": "azureml://y"}},
            properties={"airflow.owner": "me"},
            tags={"t": "1", "gone": None},
            environmentVariables={"AIRFLOW_TRY": "1"},
            conf={"spark.executor.cores": 2},
        )
    )
    assert Job.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert made.outputs == {"model": "azureml://m"}
    assert made.inputs == {"x": "1", "y": "azureml://y"}
    assert made.tags == {"t": "1"}
    assert made.conf == {"spark.executor.cores": "2"}
    assert made.studio_url == "https://ml.azure.com/runs/a"
    assert made.created_by == "me"


def test_a_job_with_null_services_and_outputs_is_still_a_job(arm_job) -> None:
    made = Job.from_arm(arm_job("a", "Queued", services=None, outputs=None, tags=None))
    assert (made.studio_url, dict(made.outputs)) == ("", {})


def test_find_says_none_where_get_says_not_found(play, workspace) -> None:
    assert play(job.find(workspace, "a"), MISSING).result is None
    with pytest.raises(NotFoundError):
        play(job.get(workspace, "a"), MISSING)


def test_find_does_not_take_a_denial_for_absence(play, workspace) -> None:
    with pytest.raises(DeniedError):
        play(job.find(workspace, "a"), (403, {"error": {"code": "AuthorizationFailed", "message": "no"}}))


def test_cancel_asks_and_does_not_wait(play, workspace) -> None:
    played = play(job.cancel(workspace, "a"), (202, b"", {"location": "https://x"}))
    assert [request.method for request in played.requests] == ["POST"]
    assert "/jobs/a/cancel?" in played.requests[0].url


def test_cancel_follows_the_operation_at_the_pace_the_service_sets(play, workspace) -> None:
    location = "https://management.azure.com/op/1"
    again = (202, b"", {"location": location, "retry-after": "3"})
    played = play(job.cancel(workspace, "a", wait=True), again, again, (204, b""))
    assert played.pauses == [3.0, 3.0]
    assert [request.url for request in played.requests[1:]] == [location, location]
    assert played.requests[1].scope == "https://management.azure.com/.default"


def test_an_operation_without_an_address_is_an_error(play, workspace) -> None:
    with pytest.raises(ServiceError, match="NoLocation"):
        play(job.cancel(workspace, "a", wait=True), (202, b""))


def test_jobs_are_listed_by_a_user_property_over_all_pages(play, workspace, arm_job) -> None:
    more = "https://management.azure.com/more"
    pages = [{"value": [arm_job("a")], "nextLink": more}, {"value": [arm_job("b")]}]
    played = play(job.list_by_property(workspace, "airflow.run", "x/1"), *pages)
    assert [found.name for found in played.result] == ["a", "b"]
    assert "properties=airflow.run%3Dx%2F1" in played.requests[0].url
    assert "listViewType=All" in played.requests[0].url


def test_a_result_is_small_json_made_of_a_job(arm_job) -> None:
    result = Result.of(Job.from_arm(arm_job("a", "Completed")), {"rmse": 0.5})
    assert json.loads(json.dumps(result.to_dict())) == {
        "name": "a",
        "status": "Completed",
        "studio_url": "",
        "outputs": {},
        "metrics": {"rmse": 0.5},
    }


def test_a_page_of_states_has_the_address_of_the_next_and_passes_over_what_has_no_state(
    play, workspace, arm_job
) -> None:
    more = "https://management.azure.com/more"
    value = [arm_job("a"), arm_job("b", "Failed"), {"name": "odd", "properties": {}}, {"name": "odder"}]
    played = play(job.status_page(workspace, "p", "v"), {"value": value, "nextLink": more})
    assert played.result == ({"a": "Running", "b": "Failed"}, more)
    assert "properties=p%3Dv" in played.requests[0].url
    last = play(job.status_page(workspace, "p", "v", more), {"value": []})
    assert last.result == ({}, "")
    assert last.requests[0].url == more
