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
IDENTITIES = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
RUN = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/nightly/{IDENTITIES}/run-prep"
FAR = RUN.replace("nightly", "identities")
FAR_ID = "11111111-0000-0000-0000-00000000000b"
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
    assert roles == {
        ("AML Job Submitter", "workspace:nightly"),
        ("Managed Identity Operator", "identity:run-prep"),
    }


def twins(hook: Any) -> Any:
    """Another identity of the same name, in another resource group."""
    twin = {"id": FAR, "name": "run-prep", "properties": {"clientId": FAR_ID, "principalId": "oid-far"}}
    mine = {"id": RUN, "name": "run-prep", "properties": {"clientId": RUN_ID, "principalId": "oid-prep"}}
    hook.on("GET", "/userAssignedIdentities", {"value": [mine, twin]})
    assigned = {
        "userAssignedIdentities": {
            FAR: {"clientId": FAR_ID, "principalId": "oid-far"},
            RUN: {"clientId": RUN_ID, "principalId": "oid-prep"},
        }
    }
    workspace = {"id": "/ws", "location": "westeurope", "properties": {"discoveryUrl": "https://x"}}
    return hook.on("GET", "/workspaces/nightly", {**workspace, "identity": assigned})


def run_as(client_id: str, name: str = "prep") -> Task:
    identity = {"type": "managed", "client_id": client_id}
    fields = {**PREP.fields, "identity": identity}
    return Task("d", name, DAGS, PREP.classes, "azureml_prep", fields=fields)


def test_an_identity_of_another_resource_group_is_written_with_it_wherever_it_stands() -> None:
    content = inferred(twins(azure()), run_as(FAR_ID), client_id=FAR_ID)
    (identity,) = load(content, "m").identities
    submitter, run = identity.principals["submitter"], identity.principals["run"]
    assert (submitter.resource_id, run.resource_id) == (FAR, FAR)
    assert [grant.scope for grant in submitter.grants if grant.role == "Managed Identity Operator"] == [FAR]


def test_two_identities_of_one_name_are_not_taken_for_each_other() -> None:
    content = inferred(twins(azure()), run_as(FAR_ID), run_as(RUN_ID, "other"))
    runs = {each.tasks[0]: each.principals["run"].resource_id for each in load(content, "m").identities}
    assert runs == {"d.prep": FAR, "d.other": RUN}


def test_an_identity_of_another_resource_group_vouches_by_its_object_id() -> None:
    hook = twins(azure(trust(f"https://login.microsoftonline.com/{TENANT}/v2.0", "oid-far")))
    (found,) = inferred(hook)["identities"]["prep"]["submitter"]["federated"]
    assert (found["issuer"], found["subject"]) == ("entra", "oid-far")


def test_an_account_in_another_subscription_is_left_for_a_person() -> None:
    hook, lake = azure(), {"accountName": "lake", "subscriptionId": "far", "resourceGroup": "lakes"}
    stores = [{"name": name, "properties": {**lake, "containerName": name}} for name in ("raw", "features")]
    content = inferred(hook.on("GET", "/datastores", {"value": stores}))
    identity = content["identities"]["prep"]
    assert "data" not in identity["run"]
    assert "accounts" not in content
    assert all("lies in another subscription" in line for line in identity["by_hand"])
    assert len(identity["by_hand"]) == 2


def test_a_workspace_in_another_subscription_does_not_make_the_manifests_head() -> None:
    far = {**CONNECTION, "subscription_id": "far", "resource_group": "far", "workspace_name": "nightly"}
    task = Task("d", "far", DAGS, PREP.classes, "azureml_far", fields=PREP.fields)
    folder = DagFolder([task, PREP], {"azureml_prep": CONNECTION, "azureml_far": far})
    content = Inference(folder, azure()).manifest(DAGS / "access.yaml")
    assert (content["resource_group"], content["workspaces"]) == ("nightly", {"nightly": {}})
    by_hand = {each.name: each.by_hand for each in load(content, "m").identities}
    assert "lies in another subscription" in by_hand["far"][0]


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
