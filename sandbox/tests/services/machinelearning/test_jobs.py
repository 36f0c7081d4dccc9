# SPDX-License-Identifier: Apache-2.0
"""Submitting, updating, listing, cancelling and deleting, as ARM tells it."""

from __future__ import annotations

import time
from typing import Any

import pytest

IMMUTABLE = "Only description, tags, displayName, properties, and isArchived can be updated."


def test_the_same_put_twice_is_one_job(workspace: Any) -> None:
    assert workspace.submit("twice").status_code == 201
    workspace.wait("twice")
    number = workspace.history("twice").json()["runNumber"]
    assert workspace.submit("twice").status_code == 200
    assert workspace.wait("twice")["status"] == "Completed"
    assert workspace.history("twice").json()["runNumber"] == number


def test_null_and_absent_are_the_same_to_an_update(workspace: Any) -> None:
    workspace.submit("nulls", description=None, inputs={}, codeId=None)
    assert workspace.submit("nulls", experimentName="Default").status_code == 200


def test_a_changed_command_is_refused_in_azures_words(workspace: Any) -> None:
    workspace.submit("changed")
    answer = workspace.submit("changed", command="echo other", tags={"a": "b"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "UserError"
    assert error["message"].startswith("A job with this name already exists.")
    assert "Command cannot be changed" in error["message"]
    assert error["message"].endswith(IMMUTABLE)
    inner = next(item for item in error["additionalInfo"] if item["type"] == "InnerError")
    assert inner["info"]["value"]["innerError"]["code"] == "JobPropertyImmutable"
    assert workspace.wait("changed")["tags"] == {}


def test_tags_are_replaced_and_properties_are_added(workspace: Any) -> None:
    workspace.submit("tagged", tags={"a": "1"}, properties={"p": "1"})
    workspace.submit("tagged", tags={"b": "2"}, properties={"q": "2"})
    job = workspace.wait("tagged")
    assert job["tags"] == {"b": "2"}
    assert job["properties"] == {"p": "1", "q": "2"}


@pytest.mark.parametrize("name", ["a%20b", "-a", "a.b", "x" * 256])
def test_a_name_that_breaks_azures_rule_is_refused(workspace: Any, name: str) -> None:
    answer = workspace.submit(name)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "UserError"


@pytest.mark.parametrize("name", ["a.b", "_a", "-a", "größe", "a b", "x" * 257])
def test_an_experiment_name_that_breaks_azures_rule_is_refused_in_azures_words(
    workspace: Any, name: str
) -> None:
    answer = workspace.submit("filed", experimentName=name)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "UserError"
    assert answer.json()["error"]["message"].startswith(
        "Experiment name must be 1-256 characters, start with"
    )
    assert workspace.history("filed").status_code == 404


def test_every_experiment_name_within_azures_rule_is_taken(workspace: Any) -> None:
    for number, name in enumerate(["a", "0_-", "x" * 256]):
        assert workspace.submit(f"filed-{number}", experimentName=name).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"command": None}, "command"),
        ({"command": 5}, "command"),
        ({"environmentId": ""}, "environmentId"),
        ({"jobType": "Sweep"}, "Sweep"),
        ({"jobType": None}, "None"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {"a": 5}}, "inputs.a.jobInputType"),
        ({"inputs": {"a": {"jobInputType": "literal"}}}, "inputs.a.value"),
        ({"inputs": {"a": {"jobInputType": "uri_folder"}}}, "inputs.a.uri"),
        ({"outputs": {"a": {"jobOutputType": "literal"}}}, "outputs.a.jobOutputType"),
        ({"tags": {"a": 1}}, "tags.a"),
        ({"limits": {"timeout": "soon"}}, "limits.timeout"),
        ({"identity": {"identityType": "Root"}}, "Root"),
        ({"computeId": "nowhere"}, "nowhere"),
        ({"codeId": "nothing"}, "nothing"),
    ],
)
def test_a_malformed_job_is_a_400_that_names_the_field(
    workspace: Any, change: dict[str, Any], field: str
) -> None:
    answer = workspace.submit("malformed", **change)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["error"]["message"]
    assert workspace.arm("GET", "/jobs/malformed").status_code == 404


@pytest.mark.parametrize("body", [None, [], {"properties": []}, {"properties": None}, "text"])
def test_a_body_that_is_no_job_is_a_400(workspace: Any, body: Any) -> None:
    assert workspace.arm("PUT", "/jobs/no-job", body).status_code == 400


def test_a_missing_environment_is_found_at_submission(workspace: Any) -> None:
    answer = workspace.submit("no-environment", environmentId="azureml:nothing:1")
    assert answer.status_code == 404


def test_an_identity_that_is_not_attached_is_refused(workspace: Any) -> None:
    answer = workspace.submit("detached", identity=workspace.managed("detached"))
    assert answer.status_code == 400
    assert "is not assigned to workspace ws" in answer.json()["error"]["message"]


def test_a_submitter_who_may_not_assign_the_identity_is_refused(workspace: Any) -> None:
    assignments = workspace.cloud.rbac.assignments()
    operator = next(a for a in assignments if a.scope.lower().endswith("/resourcegroups/rg"))
    workspace.cloud.rbac.unassign(operator.guid)
    try:
        answer = workspace.submit("unassignable")
    finally:
        workspace.cloud.rbac.assign(operator)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "LinkedAuthorizationFailed"
    assert "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action" in error["message"]


def test_without_identity_a_serverless_job_runs_as_its_submitter(workspace: Any) -> None:
    uri = "azureml://datastores/data/paths/of-submitter"
    workspace.lake.write("lake", "data", "of-submitter/a", b"a")
    inputs = {"a": {"jobInputType": "uri_folder", "uri": uri}}
    assert workspace.ended("as-submitter", identity=None, inputs=inputs) == "Failed"
    assert "StreamAccess.Authentication" in workspace.error("as-submitter")
    # The cluster's own identity may read.
    compute = f"{workspace.scope}/computes/cluster"
    assert workspace.ended("as-cluster", identity=None, computeId=compute, inputs=inputs) == "Completed"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/jobs/rbac"),
        ("GET", "/jobs/rbac"),
        ("GET", "/jobs"),
        ("POST", "/jobs/rbac/cancel"),
        ("DELETE", "/jobs/rbac"),
        ("GET", ""),
        ("GET", "/computes/cluster"),
        ("GET", "/datastores/data"),
        ("POST", "/datastores/data/listSecrets"),
        ("PUT", "/environments/e/versions/1"),
        ("PUT", "/codes/c/versions/1"),
        ("PUT", "/models/m/versions/1"),
    ],
)
def test_a_stranger_is_refused_with_the_action_that_it_lacks(workspace: Any, method: str, path: str) -> None:
    answer = workspace.as_("stranger").arm(method, path, {} if method != "GET" else None)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["code"] == "AuthorizationFailed"
    assert "'Microsoft.MachineLearningServices/workspaces/" in error["message"]


def test_a_cancelled_job_is_killed_and_ends_canceled(workspace: Any) -> None:
    workspace.submit("cancelled", command="sleep 300 & sleep 300")
    workspace.wait("cancelled", "Running")
    started = time.monotonic()
    answer = workspace.arm("POST", "/jobs/cancelled/cancel")
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "1"
    location = answer.headers["Location"]
    assert workspace.wait("cancelled")["status"] == "Canceled"
    assert time.monotonic() - started < 15
    done = workspace.sandbox.http.get(location, headers=workspace.sandbox.bearer("submitter"))
    assert done.status_code == 204
    assert workspace.arm("POST", "/jobs/cancelled/cancel").status_code == 200


def test_a_third_job_waits_for_a_slot_and_can_be_cancelled_there(workspace: Any) -> None:
    for name in ("slot-1", "slot-2"):
        workspace.submit(name, command="sleep 300")
        workspace.wait(name, "Running")
    workspace.submit("slot-3")
    workspace.wait("slot-3", "Queued")
    for name in ("slot-3", "slot-1", "slot-2"):
        workspace.arm("POST", f"/jobs/{name}/cancel")
        assert workspace.wait(name)["status"] == "Canceled"


def test_a_job_that_ended_can_be_deleted(workspace: Any) -> None:
    workspace.ended("deleted")
    assert workspace.arm("DELETE", "/jobs/deleted").status_code == 202
    answer = workspace.arm("GET", "/jobs/deleted")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Run deleted was not found"


def test_the_list_filters_by_property_and_pages_by_next_link(fresh_workspace: Any) -> None:
    workspace = fresh_workspace
    for number in range(53):
        workspace.submit(f"listed-{number}", properties={"batch": "a" if number % 2 else "b"})
    first = workspace.arm("GET", "/jobs").json()
    assert len(first["value"]) == 50
    assert first["value"][0]["name"] == "listed-52"
    headers = workspace.sandbox.bearer("submitter")
    rest = workspace.sandbox.http.get(first["nextLink"], headers=headers).json()
    assert [job["name"] for job in rest["value"]] == ["listed-2", "listed-1", "listed-0"]
    assert rest["nextLink"] is None
    odd = workspace.arm("GET", "/jobs", properties="batch=a").json()
    assert len(odd["value"]) == 26
    assert workspace.arm("GET", "/jobs", **{"$skip": "nonsense"}).status_code == 400


def test_paths_match_without_case(workspace: Any) -> None:
    workspace.submit("cased")
    headers = workspace.sandbox.bearer("submitter")
    url = f"https://management.azure.com{workspace.scope}/JOBS/cased?api-version=2024-01-01"
    url = url.replace("resourceGroups", "resourcegroups").replace("Microsoft.", "microsoft.")
    assert workspace.sandbox.http.get(url, headers=headers).status_code == 200
