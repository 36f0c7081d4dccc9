# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.survey import Survey, attempt, facts_of, survey
from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.rest.flow import Flow, Request, expect
from tests.unit.access.manifests import GUID, SOUND, TRAIN, changed
from tests.unit.canned import BROKEN, DENIED, CannedHook

GROUP = "/subscriptions/5ab00000-0000-0000-0000-000000000001/resourceGroups/nightly/providers"
RUN = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/run-train"
ROLE = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/r1"


def azure() -> CannedHook:
    """All that is asked for is there, once."""
    held = {"id": "/ra", "properties": {"principalId": "p", "roleDefinitionId": ROLE, "scope": GROUP}}
    role = {"id": ROLE, "name": "r1", "properties": {"roleName": "AML Job Submitter", "permissions": []}}
    one = {"id": "oid", "appId": "app", "displayName": "airflow-train", "accountEnabled": False}
    mine = {"id": RUN.upper(), "name": "run-train", "properties": {"clientId": GUID, "principalId": "p"}}
    store = {
        "accountName": "nightlylake",
        "containerName": "raw",
        "subscriptionId": "s",
        "resourceGroup": "g",
        "isDefault": True,
        "credentials": {"credentialsType": "AccountKey"},
    }
    cluster = {
        "name": "cpu",
        "identity": {"principalId": "node"},
        "properties": {"computeType": "AmlCompute"},
    }
    return (
        CannedHook()
        .on("GET", "/userAssignedIdentities", {"value": [mine]})
        .on("GET", "/servicePrincipals", {"value": [one]})
        .on("GET", "/federatedIdentityCredentials", {"value": []})
        .on("GET", "/appRoleAssignments", {"value": []})
        .on("GET", "/ownedObjects", {"value": []})
        .on("GET", "/roleAssignments", {"value": [held]})
        .on("GET", "/roleDefinitions/r1", role)
        .on("GET", "/denyAssignments", {"value": []})
        .on("GET", "/vaults", {"value": [{"id": "/v/nightlyvault", "name": "NightlyVault"}]})
        .on("GET", "/storageAccounts/nightlylake", {"name": "nightlylake", "properties": {}})
        .on(
            "GET",
            "/workspaces/nightly",
            {"identity": {"userAssignedIdentities": {RUN: {"principalId": "p"}}}},
        )
        .on("GET", "/workspaces/nightly/datastores", {"value": [{"name": "raw", "properties": store}]})
        .on("GET", "/workspaces/nightly/computes", {"value": [cluster]})
    )


def surveyed(hook: CannedHook, content: Mapping[str, Any] = SOUND) -> Survey:
    found: Survey = hook.run(survey(load(content, "m")))
    return found


def test_an_application_costs_five_requests_a_managed_identity_four_and_the_rest_comes_once() -> None:
    hook = azure()
    found = surveyed(hook)
    submitter, run = found.seen.values()
    assert (submitter.principal.object_id, submitter.is_enabled) == ("oid", False)  # type: ignore[union-attr]
    assert (run.principal.object_id, len(run.held.value)) == ("p", 1)  # type: ignore[union-attr]
    assert found.roles["r1"].name == "AML Job Submitter"
    assert len(hook.asked("GET", "/roleAssignments")) == 2
    assert len(hook.asked("GET", "/roleDefinitions/r1")) == 1
    of_principals = (1 + 1 + 1 + 1 + 1) + (1 + 1 + 1 + 1)
    assert len(hook.requests) == 1 + of_principals + 1 + 1 + 1 + 3 + 1
    assert hook.asked("GET", r"/servicePrincipals\(.*\)") == []


def test_an_account_is_asked_for_as_itself_and_once_however_a_scope_is_spelled() -> None:
    container = f"{GROUP}/Microsoft.Storage/storageAccounts/nightlylake/blobServices/default/containers/raw"
    scopes = [container.replace("blobServices", "BLOBSERVICES"), container.lower(), container]
    roles = [{"role": "Storage Blob Data Reader", "scope": scope} for scope in scopes]
    hook = azure()
    found = surveyed(hook, changed(f"{TRAIN}/run/roles", roles))
    assert list(found.accounts) == [container.lower().partition("/blobservices/")[0]]
    assert len(hook.asked("GET", "(?i)/storageAccounts/.*")) == 1


def test_the_workspace_tells_its_stores_computes_and_identities() -> None:
    facts = surveyed(azure()).workspaces["nightly"]
    assert facts.attached is not None
    assert facts.datastores is not None
    assert facts.computes is not None
    assert [each.resource_id for each in facts.attached] == [RUN]
    assert (facts.datastores["raw"].credentials, facts.datastores["raw"].is_default) == ("AccountKey", True)
    assert facts.datastores["raw"].scope.endswith("/nightlylake/blobServices/default/containers/raw")
    assert facts.computes["cpu"].identities[0].object_id == "node"
    assert facts.vaults == {"nightlyvault": "/v/nightlyvault"}


ROLE_OF_GRAPH = {"id": "a1", "appRoleId": "R1", "resourceId": "G", "resourceDisplayName": "Microsoft Graph"}
GRAPH_ITSELF = r"/servicePrincipals\(appId='00000003-0000-0000-c000-000000000000'\)"


def test_graphs_permissions_are_read_once_where_somebody_has_one_or_is_to_have_one() -> None:
    itself = {"id": "G", "appRoles": [{"id": "R1", "value": "Directory.Read.All"}]}
    hook = azure().on("GET", GRAPH_ITSELF, itself)
    hook.on("GET", "/appRoleAssignments", {"value": [ROLE_OF_GRAPH]})
    found = surveyed(hook)
    assert found.permissions.value.names == {"r1": "Directory.Read.All"}
    assert [len(each.roles.value) for each in found.seen.values()] == [1, 1]
    assert len(hook.asked("GET", GRAPH_ITSELF)) == 1
    wished = azure().on("GET", GRAPH_ITSELF, itself)
    surveyed(wished, changed(f"{TRAIN}/submitter/graph", ["Directory.Read.All"]))
    assert len(wished.asked("GET", GRAPH_ITSELF)) == 1


def test_rights_in_entra_that_may_not_be_read_and_principals_that_entra_has_not_yet_are_remembered() -> None:
    absent = (404, {"error": {"code": "Request_ResourceNotFound", "message": "no"}})
    hook = azure().on("GET", "/appRoleAssignments", {"value": [ROLE_OF_GRAPH]}, DENIED)
    hook.on("GET", "/ownedObjects", absent).on("GET", GRAPH_ITSELF, DENIED)
    found = surveyed(hook)
    assert [each.roles.problem for each in found.seen.values()] == ["", "403 AuthorizationFailed"]
    assert {each.owned.problem for each in found.seen.values()} == {"404 Request_ResourceNotFound"}
    assert found.permissions.problem == "403 AuthorizationFailed"


def test_what_is_refused_is_remembered_with_azures_code() -> None:
    hook = azure().on("GET", "/roleAssignments", DENIED).on("GET", "/computes", DENIED)
    found = surveyed(hook)
    assert {each.held.problem for each in found.seen.values()} == {"403 AuthorizationFailed"}
    assert found.workspaces["nightly"].computes is None
    assert "403" in found.workspaces["nightly"].unread["computes"]


def test_no_answer_at_all_and_a_refused_sign_in_end_the_look() -> None:
    with pytest.raises(UnreachableError):
        surveyed(azure().on("GET", "/roleAssignments", BROKEN))

    def unsigned() -> Flow[None]:
        expect((yield Request("GET", "https://management.azure.com/x")), 200)

    with pytest.raises(DeniedError):
        CannedHook().on("GET", "/x", (401, {"error": {"code": "InvalidToken"}})).run(attempt(unsigned()))


def test_groups_are_asked_for_where_something_is_denied() -> None:
    deny = {"id": "/d", "properties": {"scope": GROUP}}
    hook = azure().on("GET", "/denyAssignments", {"value": [deny]})
    hook.on("POST", "/getMemberGroups", {"value": ["G1"]})
    assert {each.groups.value for each in surveyed(hook).seen.values()} == {frozenset({"g1"})}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (DENIED, "Graph does not say who 'airflow-train' is (403 AuthorizationFailed)"),
        ({"value": [{"id": "1"}, {"id": "2"}]}, "2 service principals are called 'airflow-train'"),
    ],
)
def test_an_application_that_is_not_told_apart_is_not_guessed(answer: Any, problem: str) -> None:
    found = surveyed(azure().on("GET", "/servicePrincipals", answer))
    submitter = next(iter(found.seen.values()))
    assert submitter.principal is None
    assert problem in submitter.found.problem


def test_nobody_of_that_name_is_an_answer() -> None:
    found = surveyed(
        azure().on("GET", "/servicePrincipals", {"value": []}).on("GET", "/userAssignedIdentities", {})
    )
    assert [(each.principal, each.found.is_known) for each in found.seen.values()] == [(None, True)] * 2


def test_an_id_in_the_manifest_decides_who_is_meant() -> None:
    by_client = changed(f"{TRAIN}/submitter/client_id", GUID)
    one = {"id": "exact", "appId": GUID}
    hook = azure().on("GET", rf"/servicePrincipals\(appId='{GUID}'\)", one)
    assert next(iter(surveyed(hook, by_client).seen.values())).principal.object_id == "exact"  # type: ignore[union-attr]
    by_object = changed(f"{TRAIN}/submitter/object_id", GUID)
    refused = azure().on("GET", f"/servicePrincipals/{GUID}", DENIED)
    submitter = next(iter(surveyed(refused, by_object).seen.values()))
    assert submitter.principal.object_id == GUID  # type: ignore[union-attr]
    assert submitter.trusts.problem == "its client id is not known"


def test_a_managed_identity_is_known_by_its_declared_id_where_the_list_is_refused() -> None:
    content = changed(f"{TRAIN}/run/object_id", GUID)
    hook = azure().on("GET", "/userAssignedIdentities", DENIED)
    assert list(surveyed(hook, content).seen.values())[1].principal.object_id == GUID  # type: ignore[union-attr]
    assert list(surveyed(hook).seen.values())[1].found.problem == "403 AuthorizationFailed"


def test_a_workspace_that_is_not_there_says_so_in_each_part() -> None:
    hook = CannedHook().on("GET", "", (404, {"error": {"code": "ResourceNotFound"}}))
    facts = hook.run(facts_of(hook.workspace))
    assert (facts.attached, facts.datastores, facts.computes) == (None, None, None)
    assert set(facts.unread) == {"workspace", "datastores", "computes"}
