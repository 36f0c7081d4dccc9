# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_azureml.audit.action import JOB_CANCEL, JOB_WRITE, RUN_WRITE, Act, classify
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.naming import LOG_PLACE
from airflow_provider_azureml.rest import asset, graph, intent, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow, Request
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.workspace import Workspace

CLOUD = CLOUDS["public"]
ARM, ML = "https://management.azure.com", "Microsoft.MachineLearningServices/workspaces"
GROUP = "/subscriptions/s/resourceGroups/g"
PLACE = f"{GROUP}/providers/{ML}/w"
VAULT = "https://v.vault.azure.net"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"


def workspace() -> Workspace:
    made = Workspace(CLOUD, "s", "g", "w")
    made._region.append("https://eastus.api.azureml.ms")
    return made


def first(flow: Flow[object]) -> Request:
    step = next(flow)
    flow.close()
    assert isinstance(step, Request)
    return step


JOB = Job("j", "Running", "Command", experiment_name="e")
OURS = [
    (job_flows.submit(workspace(), "j", {}), JOB_WRITE, f"{PLACE}/jobs/j"),
    (job_flows.cancel(workspace(), "j"), JOB_CANCEL, f"{PLACE}/jobs/j"),
    (intent.tag(workspace(), JOB, {}), RUN_WRITE, f"{PLACE}/jobs/j"),
    (
        asset.put_model(workspace(), "m", "1", "u"),
        f"{ML}/models/versions/write",
        f"{PLACE}/models/m/versions/1",
    ),
    (
        graph.add_password(CLOUD, "app", "n", datetime.now(timezone.utc)),
        "Microsoft.Graph/applications/addPassword/action",
        "/applications(appId='app')",
    ),
    (
        graph.remove_password(CLOUD, "app", "k"),
        "Microsoft.Graph/applications/removePassword/action",
        "/applications(appId='app')",
    ),
]
OTHERS = [
    ("PUT", f"{VAULT}/secrets/n", "Microsoft.KeyVault/vaults/secrets/setSecret/action", f"{VAULT}/secrets/n"),
    ("GET", f"{VAULT}/secrets/n", "Microsoft.KeyVault/vaults/secrets/getSecret/action", f"{VAULT}/secrets/n"),
    (
        "GET",
        f"{VAULT}/secrets/versions/7",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        f"{VAULT}/secrets/versions/7",
    ),
    (
        "PATCH",
        f"{VAULT}/secrets/n/7",
        "Microsoft.KeyVault/vaults/secrets/update/action",
        f"{VAULT}/secrets/n/7",
    ),
    ("POST", f"{VAULT}/keys/k/sign?x=1", "POST /keys/k/sign", f"{VAULT}/keys/k/sign"),
    (
        "PUT",
        f"{ARM}{PLACE}/providers/Microsoft.Authorization/roleAssignments/r?api-version=1",
        "Microsoft.Authorization/roleAssignments/write",
        f"{PLACE}/providers/Microsoft.Authorization/roleAssignments/r",
    ),
    ("DELETE", f"{ARM}{PLACE}/jobs/j", f"{ML}/jobs/delete", f"{PLACE}/jobs/j"),
    ("POST", f"{ARM}{PLACE}/listKeys", f"{ML}/listKeys/action", PLACE),
    (
        "POST",
        f"{ARM}{PLACE}/datastores/d/listSecrets",
        f"{ML}/datastores/listSecrets/action",
        f"{PLACE}/datastores/d",
    ),
    ("PUT", f"{ARM}{GROUP}", f"PUT {GROUP}", f"{ARM}{GROUP}"),
    ("POST", f"{ARM}/providers/X", "POST /providers/X", f"{ARM}/providers/X"),
    (
        "PUT",
        "https://a.blob.core.windows.net/c/x?sig=S",
        f"{BLOBS}/blobs/write",
        "https://a.blob.core.windows.net/c/x",
    ),
    (
        "PATCH",
        "https://a.dfs.core.windows.net/c/x",
        f"{BLOBS}/blobs/write",
        "https://a.dfs.core.windows.net/c/x",
    ),
    (
        "DELETE",
        "https://a.dfs.core.windows.net/c/d/x",
        f"{BLOBS}/blobs/delete",
        "https://a.dfs.core.windows.net/c/d/x",
    ),
    ("PUT", "https://a.dfs.core.windows.net/c", f"{BLOBS}/write", "https://a.dfs.core.windows.net/c"),
    (
        "POST",
        "https://graph.microsoft.com/v1.0/applications",
        "POST /v1.0/applications",
        "https://graph.microsoft.com/v1.0/applications",
    ),
    (
        "DELETE",
        "https://graph.microsoft.com/v1.0/applications/1",
        "Microsoft.Graph/applications/delete",
        "/applications/1",
    ),
    (
        "POST",
        "https://eastus.api.azureml.ms/history/v1.0/x/runs/a/delete",
        "POST /history/v1.0/x/runs/a/delete",
        "https://eastus.api.azureml.ms/history/v1.0/x/runs/a/delete",
    ),
    ("PUT", "https://elsewhere.example/a?b=c", "PUT /a", "https://elsewhere.example/a"),
]
READS = [
    ("GET", f"{ARM}{PLACE}/jobs/j"),
    ("HEAD", "https://a.dfs.core.windows.net/c/x"),
    ("GET", "https://eastus.api.azureml.ms/history/v1.0/x/runs/a/details"),
    ("GET", f"{VAULT}/secrets/n/versions?api-version=7.4"),
    ("GET", f"{VAULT}/secrets"),
    ("GET", f"{VAULT}/keys/k"),
]


@pytest.mark.parametrize(("flow", "action", "resource"), OURS)
def test_our_own_requests_have_azures_names(flow: Flow[object], action: str, resource: str) -> None:
    assert classify(first(flow), CLOUD) == Act(action, resource)


@pytest.mark.parametrize(("method", "url", "action", "resource"), OTHERS)
def test_any_request_that_changes_or_reveals_something_is_an_act(
    method: str, url: str, action: str, resource: str
) -> None:
    assert classify(Request(method, url), CLOUD) == Act(action, resource)


@pytest.mark.parametrize(("method", "url"), READS)
def test_reading_a_state_is_none(method: str, url: str) -> None:
    assert classify(Request(method, url), CLOUD) is None


def test_asking_for_many_states_is_none_although_it_is_a_post() -> None:
    asked = first(run_history.status_batch(workspace(), ["a", "b"]))
    assert asked.method == "POST"
    assert classify(asked, CLOUD) is None


def test_a_readers_place_in_a_log_is_none_and_a_mark_beside_it_is_one() -> None:
    place = first(run_history.set_tags(workspace(), "j", {LOG_PLACE: "1:7"}))
    assert classify(place, CLOUD) is None
    more = first(run_history.set_tags(workspace(), "j", {LOG_PLACE: "1:7", "airflow.cancel": "killed"}))
    assert classify(more, CLOUD) is not None


def test_only_cancels_and_their_marks_may_not_be_refused() -> None:
    acts = [
        classify(first(flow), CLOUD)
        for flow in (job_flows.cancel(workspace(), "j"), intent.tag(workspace(), JOB, {}))
    ]
    assert [act.may_be_refused for act in acts if act] == [False, False]
    assert Act(JOB_WRITE, "x").may_be_refused


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["", "/", "//", "/a/b/c/d", "/providers/", "/providers/N/t/n/u", "/history/v1.0/"]
)
def test_no_address_of_any_host_makes_a_change_disappear(method: str, path: str) -> None:
    hosts = (
        "management.azure.com",
        "graph.microsoft.com",
        "v.vault.azure.net",
        "e.api.azureml.ms",
        "a.b.core.windows.net",
    )
    for host in hosts:
        act = classify(Request(method, f"https://{host}{path}?sig=secret"), CLOUD)
        assert act is not None
        assert "secret" not in act.action + act.resource


def test_a_question_about_groups_changes_nothing_although_it_is_a_post() -> None:
    assert classify(first(graph.groups_of(CLOUD, "o-1")), CLOUD) is None
