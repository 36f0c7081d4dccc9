# SPDX-License-Identifier: Apache-2.0
"""Run history and MLflow on the region's host, for people and for the run's own token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from azure_sandbox.services.machinelearning.surfaces import run_token
from azure_sandbox.services.machinelearning.workspaces import Workspaces

MLFLOW = "/mlflow/v2.0{ws}/api/2.0/mlflow/"
HISTORY = "/history/v1.0{ws}"


@pytest.fixture
def job(workspace: Any) -> str:
    workspace.submit("tracked")
    workspace.wait("tracked")
    return "tracked"


def as_run(workspace: Any, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """A request with the token that the job itself holds."""
    from azure_sandbox.services.machinelearning.runs import Runs

    cloud = workspace.cloud
    found = Workspaces(cloud).get(cloud.subscription_id, "rg", "ws")
    run = Runs(cloud).get(found.guid, name)
    assert run is not None
    token = run_token(cloud, found, run)
    url = f"https://{cloud.location}.api.azureml.ms{path.replace('{ws}', workspace.scope)}"
    headers = {"Authorization": f"Bearer {token}"}
    answer: httpx.Response = workspace.sandbox.http.request(method, url, headers=headers, json=body)
    return answer


def test_discovery_needs_no_token(workspace: Any) -> None:
    url = workspace.arm("GET", "").json()["properties"]["discoveryUrl"]
    answer = workspace.sandbox.http.get(url)
    assert answer.json()["api"] == f"https://{workspace.cloud.location}.api.azureml.ms"


def test_metrics_logged_with_the_run_token_are_read_back(workspace: Any, job: str) -> None:
    for step, value in enumerate((3.0, 2.0, 1.5)):
        body = {"run_id": job, "key": "loss", "value": value, "timestamp": 1000 + step, "step": step}
        logged = as_run(workspace, job, "POST", MLFLOW + "runs/log-metric", body)
        assert logged.status_code == 200, logged.text
    body = {
        "run_id": job,
        "metrics": [{"key": "odd", "value": "NaN", "timestamp": 1, "step": 0}],
        "params": [{"key": "depth", "value": "3"}],
        "tags": [{"key": "team", "value": "blue"}],
    }
    logged = as_run(workspace, job, "POST", MLFLOW + "runs/log-batch", body)
    assert logged.status_code == 200, logged.text
    run = workspace.region("GET", MLFLOW + "runs/get", run_id=job).json()["run"]
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert metrics == {"loss": 1.5, "odd": "NaN"}
    assert {"key": "depth", "value": "3"} in run["data"]["params"]
    assert run["info"]["status"] == "FINISHED"
    history = workspace.region("GET", MLFLOW + "metrics/get-history", run_id=job, metric_key="loss")
    assert [metric["value"] for metric in history.json()["metrics"]] == [3.0, 2.0, 1.5]


def test_a_parameter_is_not_changed(workspace: Any, job: str) -> None:
    path = MLFLOW + "runs/log-parameter"
    first = as_run(workspace, job, "POST", path, {"run_id": job, "key": "fixed", "value": "1"})
    again = as_run(workspace, job, "POST", path, {"run_id": job, "key": "fixed", "value": "2"})
    assert (first.status_code, again.status_code) == (200, 400)
    assert again.json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_run_token_writes_to_its_own_run_only(workspace: Any, job: str) -> None:
    workspace.ended("other")
    body = {"run_id": "other", "key": "a", "value": 1, "timestamp": 1, "step": 0}
    answer = as_run(workspace, job, "POST", MLFLOW + "runs/log-metric", body)
    assert answer.status_code == 403
    assert answer.json()["error_code"] == "PERMISSION_DENIED"


def test_a_run_token_is_worth_nothing_at_arm(workspace: Any, job: str) -> None:
    from azure_sandbox.services.machinelearning.runs import Runs

    cloud = workspace.cloud
    found = Workspaces(cloud).get(cloud.subscription_id, "rg", "ws")
    run = Runs(cloud).get(found.guid, job)
    assert run is not None
    headers = {"Authorization": f"Bearer {run_token(cloud, found, run)}"}
    url = f"https://management.azure.com{workspace.scope}/jobs/{job}?api-version=2024-01-01"
    assert workspace.sandbox.http.get(url, headers=headers).status_code == 401


def test_batch_run_data_answers_good_and_missing_runs_apart(workspace: Any, job: str) -> None:
    body = {"requests": {name: {"runId": name, "selectRunMetadata": True} for name in (job, "absent")}}
    answer = workspace.region("POST", f"{HISTORY}/batchrundata", body).json()
    assert answer["successfulResults"][job]["runMetadata"]["status"] == "Completed"
    assert answer["failedResults"]["absent"]["error"]["message"] == "Run absent was not found"


def test_artifacts_are_uploaded_by_address_and_listed(workspace: Any, job: str) -> None:
    run = f"{HISTORY}/experiments/Default/runs/{job}/artifacts"
    reserved = as_run(workspace, job, "POST", f"{run}/batch/metadata", {"paths": [{"path": "notes/a.txt"}]})
    url = reserved.json()["artifactContentInformation"]["notes/a.txt"]["contentUri"]
    put = workspace.sandbox.http.put(url, content=b"kept", headers={"x-ms-blob-type": "BlockBlob"})
    assert put.status_code == 201, put.text
    listed = workspace.region("GET", run).json()["value"]
    assert "notes/a.txt" in [artifact["path"] for artifact in listed]
    content = workspace.region("GET", f"{run}/contentinfo?path=notes/a.txt").json()
    assert workspace.sandbox.http.get(content["contentUri"]).content == b"kept"


@pytest.mark.parametrize("path", ["../escape", "/rooted", "", 5])
def test_an_artifact_path_that_leads_elsewhere_is_refused(workspace: Any, job: str, path: Any) -> None:
    run = f"{HISTORY}/experiments/Default/runs/{job}/artifacts/batch/metadata"
    assert as_run(workspace, job, "POST", run, {"paths": [{"path": path}]}).status_code == 400


def test_runs_are_queried_by_status_and_tag(workspace: Any, job: str) -> None:
    workspace.region("PATCH", f"{HISTORY}/experiments/Default/runs/{job}", {"tags": {"colour": "red"}})
    path = f"{HISTORY}/experiments/Default/runs:query"
    both = '(Status eq Completed) and (Tags/colour eq "red")'
    found = workspace.region("POST", path, {"filter": both}).json()["value"]
    assert [run["runId"] for run in found] == [job]
    assert workspace.region("POST", path, {"filter": "what is this"}).status_code == 400


def test_mlflow_makes_runs_beside_the_jobs_and_finds_them(workspace: Any) -> None:
    created = workspace.region("POST", MLFLOW + "experiments/create", {"name": "notebook"}).json()
    assert "error_code" in created  # the submitter's role has no experiments/write
    query = workspace.region("GET", MLFLOW + "experiments/get-by-name", experiment_name="Default").json()
    experiment = query["experiment"]["experiment_id"]
    run = workspace.region("POST", MLFLOW + "runs/create", {"experiment_id": experiment, "run_name": "mine"})
    identifier = run.json()["run"]["info"]["run_id"]
    workspace.region("POST", MLFLOW + "runs/update", {"run_id": identifier, "status": "FINISHED"})
    body = {"experiment_ids": [experiment], "filter": "attributes.run_name = 'mine'"}
    found = workspace.region("POST", MLFLOW + "runs/search", body).json()["runs"]
    assert [item["info"]["run_id"] for item in found] == [identifier]
    assert found[0]["info"]["status"] == "FINISHED"


def test_an_unknown_experiment_has_mlflows_own_error_code(workspace: Any) -> None:
    answer = workspace.region("GET", MLFLOW + "experiments/get-by-name", experiment_name="absent")
    assert answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
