# SPDX-License-Identifier: Apache-2.0
"""What a datastore stores is what reads it; workspaces and computes through ARM."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import generate_container_sas

from azure_sandbox.kernel.ports import Directory
from azure_sandbox.testing import serving
from sandbox.tests.services.machinelearning.lab import Lab, lab_seed


def test_a_stored_key_that_was_rotated_is_refused_until_it_is_stored_again(lab: Lab) -> None:
    def keyed() -> str:
        secrets = {"secretsType": "AccountKey", "key": lab.key("vault0")}
        return lab.store("keyed", credentials={"credentialsType": "AccountKey", "secrets": secrets})

    powerless = lab.managed("powerless")
    uri = keyed()
    assert lab.reading("key-good", uri, identity=powerless) == ""
    lab.account_action("vault0", "regenerateKey", {"keyName": "key1"})
    error = lab.reading("key-stale", uri, identity=powerless)
    assert "Make sure the value of Authorization header is formed correctly" in error
    assert "ms_error_code=Some('AuthenticationFailed')" in lab.data_log("key-stale")
    keyed()
    assert lab.reading("key-fresh", uri, identity=powerless) == ""


def test_the_workspaces_own_keys_are_synchronized(lab: Lab) -> None:
    output = {"command": "echo x > ${{outputs.out}}/x", "outputs": {"out": {"jobOutputType": "uri_folder"}}}
    lab.account_action("wsstore", "regenerateKey", {"keyName": "key1"})
    assert lab.ended("own-stale", **output) == "Failed"
    assert "Authorization header is formed correctly" in lab.error("own-stale")
    lab.admin("POST", "/resyncKeys")
    assert lab.ended("own-fresh", **output) == "Completed"


def test_a_key_is_no_use_where_keys_are_switched_off(lab: Lab) -> None:
    secrets = {"secretsType": "AccountKey", "key": lab.key("vault0")}
    uri = lab.store("keyed", credentials={"credentialsType": "AccountKey", "secrets": secrets})
    lab.account("vault0", allowSharedKeyAccess=False)
    error = lab.reading("key-off", uri)
    assert "Key based authentication is not permitted on this storage account." in error
    assert "KeyBasedAuthenticationNotPermitted" in lab.data_log("key-off")
    lab.store("keyed")
    assert lab.reading("key-gone", uri) == ""


@pytest.mark.parametrize(("hours", "outcome"), [(1, ""), (-1, "Authorization header is formed correctly")])
def test_a_stored_sas_lives_until_it_expires(lab: Lab, hours: int, outcome: str) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    expiry = now + dt.timedelta(hours=hours)
    start = now - dt.timedelta(hours=2)
    sas = generate_container_sas(
        "vault0", "data", account_key=lab.key("vault0"), permission="rl", start=start, expiry=expiry
    )
    credentials = {"credentialsType": "Sas", "secrets": {"secretsType": "Sas", "sasToken": f"?{sas}"}}
    uri = lab.store("signed", credentials=credentials)
    error = lab.reading(f"sas-{hours}", uri, identity=lab.managed("powerless"))
    assert outcome in error
    assert bool(error) == bool(outcome)
    assert "sig=" not in error


def test_a_stored_service_principal_signs_in_by_itself(lab: Lab) -> None:
    loader = lab.cloud.port(Directory).principals()["loader"]
    secrets = {"secretsType": "ServicePrincipal", "clientSecret": "not-the-secret"}
    credentials = {
        "credentialsType": "ServicePrincipal",
        "tenantId": lab.cloud.tenant_id,
        "clientId": loader["client_id"],
        "secrets": secrets,
    }
    error = lab.reading("principal", lab.store("loaded", credentials=credentials))
    assert "AADSTS7000215" in error
    assert "not-the-secret" not in error
    shown = lab.arm("GET", "/datastores/loaded").json()["properties"]["credentials"]
    assert shown["credentialsType"] == "ServicePrincipal"
    assert "not-the-secret" not in str(shown)
    assert lab.arm("POST", "/datastores/loaded/listSecrets").json()["clientSecret"] == "not-the-secret"


def test_the_mode_of_its_own_datastores_is_the_workspaces(lab: Lab) -> None:
    def kind() -> str:
        shown = lab.arm("GET", "/datastores/workspaceblobstore").json()
        return str(shown["properties"]["credentials"]["credentialsType"])

    assert kind() == "AccountKey"
    for mode, expected in (("identity", "None"), ("accesskey", "AccountKey")):
        lab.admin("PATCH", "", {"properties": {"systemDatastoresAuthMode": mode}})
        assert kind() == expected


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"datastoreType": "Tape"}, "datastoreType"),
        ({"accountName": ""}, "accountName"),
        ({"containerName": None}, "containerName"),
        ({"credentials": None}, "credentials"),
        ({"credentials": {"credentialsType": "Wish"}}, "credentialsType"),
        ({"credentials": {"credentialsType": "Sas"}}, "sasToken"),
        ({"serviceDataAccessAuthIdentity": "Mine"}, "serviceDataAccessAuthIdentity"),
    ],
)
def test_a_malformed_datastore_is_a_400_that_names_the_field(
    lab: Lab, change: dict[str, Any], field: str
) -> None:
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": "vault0",
        "containerName": "data",
        "credentials": {"credentialsType": "None"},
    }
    answer = lab.as_("admin").arm("PUT", "/datastores/bad", {"properties": {**properties, **change}})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]


def test_a_datastore_can_be_deleted_unless_it_is_the_workspaces(lab: Lab) -> None:
    lab.store("brief")
    lab.admin("DELETE", "/datastores/brief")
    assert lab.arm("GET", "/datastores/brief").status_code == 404
    answer = lab.as_("admin").arm("DELETE", "/datastores/workspaceblobstore")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"properties": {"computeType": "Abacus"}},
        {"properties": {"computeType": "AmlCompute"}, "identity": {"type": "UserAssigned"}},
        {"properties": {"computeType": "AmlCompute"}, "identity": {"type": "Royal"}},
        {
            "properties": {"computeType": "AmlCompute"},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/x": {}}},
        },
    ],
)
def test_a_malformed_compute_is_refused(lab: Lab, body: dict[str, Any]) -> None:
    assert lab.as_("admin").arm("PUT", "/computes/bad", body).status_code == 400
    assert lab.arm("GET", "/computes/bad").status_code == 404


def test_what_was_changed_through_arm_outlives_a_restart(tmp_path: Path) -> None:
    for turn in (1, 2):
        with serving(tmp_path / "cloud", lab_seed()) as sandbox:
            lab = Lab(sandbox)
            if turn == 1:
                lab.store("kept")
                lab.admin("PATCH", "", {"tags": {"a": "b"}})
            assert lab.arm("GET", "/datastores/kept").status_code == 200
            assert lab.arm("GET", "").json()["tags"] == {"a": "b"}


def test_a_workspace_can_be_made_through_arm(lab: Lab) -> None:
    account = lab.cloud.resource_scope("rg", "Microsoft.Storage/storageAccounts", "vault0")
    body = {
        "location": "eastus",
        "properties": {"storageAccount": account},
        "identity": {"type": "SystemAssigned"},
    }
    scope = lab.scope.rpartition("/")[0] + "/made"
    made = lab.as_("admin")._send(f"https://management.azure.com{scope}", "PUT", body, {})
    assert made.status_code == 200, made.text
    assert made.json()["identity"]["principalId"]
    stores = lab.as_("admin")._send(f"https://management.azure.com{scope}/datastores", "GET", None, {})
    kinds = {item["properties"]["credentials"]["credentialsType"] for item in stores.json()["value"]}
    assert kinds == {"AccountKey"}
