# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.hooks.dag_folder import DagFolder, Task
from airflow_provider_azureml.hooks.inference import Inference
from tests.unit.access.manifests import GUID, SUBSCRIPTION
from tests.unit.canned import DENIED, CannedHook

DAGS = Path(__file__).parents[3] / "dags_examples"
RUN_ID = "11111111-0000-0000-0000-00000000000a"
RUN = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/nightly/providers/M/userAssignedIdentities/run-prep"
TENANT = "7e4a0000-0000-0000-0000-000000000001"
CONNECTION = {
    "auth": "federated",
    "client_id": GUID,
    "tenant_id": TENANT,
    "subscription_id": SUBSCRIPTION,
    "resource_group": "nightly",
    "workspace_name": "nightly",
    "cloud": "public",
}
PREP = Task(
    "d",
    "prep",
    DAGS,
    frozenset({"AzureMLRunJobOperator"}),
    "azureml_prep",
    fields={"job": "jobs/prep.yml", "identity": {"type": "managed", "client_id": RUN_ID}},
)


def azure(*trusts: dict[str, Any]) -> Any:
    identity = {"id": RUN, "name": "run-prep", "properties": {"clientId": RUN_ID, "principalId": "oid-prep"}}
    worker = {"id": "/w", "name": "worker", "properties": {"clientId": "w", "principalId": "oid-worker"}}
    stores = [
        {
            "name": name,
            "properties": {
                "accountName": "nightlylake",
                "containerName": name,
                "subscriptionId": SUBSCRIPTION,
                "resourceGroup": "lakes",
            },
        }
        for name in ("raw", "features")
    ]
    workspace = {
        "id": "/ws",
        "location": "westeurope",
        "identity": {"userAssignedIdentities": {RUN: {"clientId": RUN_ID, "principalId": "oid-prep"}}},
        "properties": {"discoveryUrl": "https://x"},
    }
    hook: Any = (
        CannedHook()
        .on("GET", "/userAssignedIdentities", {"value": [identity, worker]})
        .on("GET", "/vaults", {"value": []})
        .on("GET", "/workspaces/nightly", workspace)
        .on("GET", "/datastores", {"value": stores})
        .on("GET", "/computes", {"value": []})
        .on(
            "GET",
            rf"/servicePrincipals\(appId='{GUID}'\)",
            {"id": "o", "appId": GUID, "displayName": "airflow-prep"},
        )
        .on("GET", "/federatedIdentityCredentials", {"value": list(trusts)})
    )
    hook.settings = SimpleNamespace(
        subscription_id="", tenant_id="", resource_group="", cloud=CLOUDS["public"]
    )
    return hook


def trust(
    issuer: str, subject: str, name: str = "trust", audience: str = "api://AzureADTokenExchange"
) -> dict[str, Any]:
    return {"name": name, "issuer": issuer, "subject": subject, "audiences": [audience]}


def inferred(
    hook: Any, *tasks: Task, target: Path = DAGS / "access.yaml", **connection: Any
) -> dict[str, Any]:
    folder = DagFolder(tasks or [PREP], {"azureml_prep": {**CONNECTION, **connection}})
    content = Inference(folder, hook).manifest(target)
    load(content, "inferred")
    return content


def test_ids_become_names_and_paths_are_relative_to_the_manifest() -> None:
    content = inferred(azure())
    identity = content["identities"]["prep"]
    assert (content["location"], content["accounts"]) == (
        "westeurope",
        {"nightlylake": {"resource_group": "lakes"}},
    )
    assert (identity["submitter"]["application"], identity["run"]["managed_identity"]) == (
        "airflow-prep",
        "run-prep",
    )
    assert identity["jobs"] == ["jobs/prep.yml"]
    assert [entry["container"] for entry in identity["run"]["data"]] == [
        "nightlylake/raw",
        "nightlylake/features",
    ]
    roles = {(entry["role"], entry["scope"]) for entry in identity["submitter"]["roles"]}
    assert roles == {("AML Job Submitter", "workspace:nightly"), ("Managed Identity Operator", f"{RUN}")}


def test_whom_an_application_trusts_is_written_with_names_of_issuers() -> None:
    cluster, okta = "https://eastus.oic.prod-aks.azure.com/t/g/", "https://x.okta.com/oauth2/as"
    found = inferred(
        azure(
            trust(cluster, "system:serviceaccount:a:b"),
            trust(cluster.replace("g", "h"), "system:serviceaccount:a:b"),
            trust(okta, "0oa", audience="api://other"),
            trust(f"https://login.microsoftonline.com/{TENANT}/v2.0", "oid-worker"),
            trust("https://example.org", "s"),
        )
    )
    names = list(found["issuers"])
    assert names == ["cluster", "cluster-2", "okta", "issuer"]
    federated = found["identities"]["prep"]["submitter"]["federated"]
    assert federated[2]["audience"] == "api://other"
    assert (federated[3]["issuer"], federated[3]["subject"]) == ("entra", "identity:worker")


def test_where_graph_refuses_the_token_file_and_the_vouching_identity_tell_it() -> None:
    hook = azure().on("GET", "/federatedIdentityCredentials", DENIED)
    claims = {"issuer": "https://i", "subject": "s", "audience": "api://AzureADTokenExchange"}
    (found,) = inferred(hook, claims=claims)["identities"]["prep"]["submitter"]["federated"]
    assert (found["issuer"], found["subject"]) == ("issuer", "s")
    (found,) = inferred(hook, source_client_id="w")["identities"]["prep"]["submitter"]["federated"]
    assert found["subject"] == "identity:worker"


def test_an_application_that_graph_does_not_name_is_somebody_elses() -> None:
    hook = azure().on("GET", rf"/servicePrincipals\(appId='{GUID}'\)", DENIED)
    identity = inferred(hook)["identities"]["prep"]
    assert (identity["submitter"]["client_id"], identity["submitter"]["existing"]) == (GUID, True)
    assert "Graph does not name" in identity["by_hand"][0]


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        ({"client_id": "system"}, "signs in as its host"),
        ({"client_id": "", "problem": "it is broken"}, "it is broken"),
    ],
)
def test_a_connection_that_tells_nobody_is_left_to_a_person(connection: dict[str, str], told: str) -> None:
    assert told in inferred(azure(), **connection)["identities"]["prep"]["by_hand"][0]


def test_a_connection_may_be_a_managed_identity_and_its_secret_may_have_a_reader() -> None:
    assert (
        inferred(azure(), client_id=RUN_ID)["identities"]["prep"]["submitter"]["managed_identity"]
        == "run-prep"
    )
    vaulted = {
        "credential_reader_client_id": "w",
        "credential_vault_url": "https://v.vault.azure.net",
        "credential_name": "app",
    }
    hook = azure().on(
        "GET",
        "/vaults",
        {"value": [{"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/k/v", "name": "v"}]},
    )
    reader = inferred(hook, **vaulted)["identities"]["prep"]["reader"]
    assert reader == {"managed_identity": "worker", "secrets": [{"secret": "v/app", "access": "read"}]}


def test_a_run_identity_that_nobody_knows_is_left_to_a_person() -> None:
    stranger = {"type": "managed", "client_id": RUN_ID.replace("a", "b")}
    task = Task("d", "prep", DAGS, PREP.classes, "azureml_prep", fields={**PREP.fields, "identity": stranger})
    lines = inferred(azure(), task)["identities"]["prep"]["by_hand"]
    assert any("no managed identity of the subscription" in line for line in lines)
