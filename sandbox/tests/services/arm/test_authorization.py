# SPDX-License-Identifier: Apache-2.0
"""Role definitions and assignments, and that they decide at once on both planes."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox

ARM = "https://management.azure.com"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
NOBODY = stable_guid("service-principal", "nobody")


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "2022-04-01", **kwargs.pop("params", {})}
    return sandbox.http.request(method, ARM + path, params=params, headers=sandbox.bearer(who), **kwargs)


def group(sandbox: Sandbox) -> str:
    return sandbox.cloud.group_scope("ml")


def vault(sandbox: Sandbox) -> str:
    return sandbox.cloud.resource_scope("ml", "Microsoft.KeyVault/vaults", "vault1")


def assignment_path(scope: str, name: str | None = None) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name or uuid.uuid4()}"


def grant(sandbox: Sandbox, role: str = READER, principal: str = NOBODY, **more: Any) -> dict[str, Any]:
    definition = (
        f"{sandbox.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    return {"properties": {"roleDefinitionId": definition, "principalId": principal, **more}}


def test_a_grant_opens_and_its_removal_closes(identities: Sandbox) -> None:
    url, headers = "https://vault1.vault.azure.net/secrets/legacy-secret", {}
    path = assignment_path(f"{vault(identities)}/secrets/legacy-secret")

    def read() -> int:
        headers.update(identities.bearer("nobody", "https://vault.azure.net"))
        return identities.http.get(url, params={"api-version": "7.4"}, headers=headers).status_code

    seen = [read()]
    made = call(
        identities, "PUT", path, json=grant(identities, SECRETS_USER, principalType="ServicePrincipal")
    )
    seen.append(read())
    removed = call(identities, "DELETE", path)
    seen.append(read())
    assert seen == [403, 200, 403]
    assert (made.status_code, removed.status_code) == (201, 200)
    assert call(identities, "DELETE", path).status_code == 204


def test_an_assignment_is_answered_as_arm_writes_it(identities: Sandbox) -> None:
    scope = group(identities)
    path = assignment_path(scope)
    body = grant(identities, description="for a test")
    made = call(identities, "PUT", path, json=body).json()
    try:
        assert made["id"] == path
        assert made["type"] == "Microsoft.Authorization/roleAssignments"
        properties = made["properties"]
        assert properties["scope"] == scope
        assert properties["roleDefinitionId"].endswith(READER)
        assert (properties["principalId"], properties["principalType"]) == (NOBODY, "ServicePrincipal")
        assert properties["description"] == "for a test"
        assert call(identities, "GET", path).json() == made
        assert call(identities, "PUT", path, json=body).status_code == 200
    finally:
        call(identities, "DELETE", path)
    assert call(identities, "GET", path).status_code == 404


def test_the_same_grant_under_another_name_exists(identities: Sandbox) -> None:
    first, second = (assignment_path(group(identities)) for _ in range(2))
    try:
        assert call(identities, "PUT", first, json=grant(identities)).status_code == 201
        twin = call(identities, "PUT", second, json=grant(identities))
        assert (twin.status_code, twin.json()["error"]["code"]) == (409, "RoleAssignmentExists")
        other = call(identities, "PUT", first, json=grant(identities, SECRETS_USER))
        assert (other.status_code, other.json()["error"]["code"]) == (400, "RoleAssignmentUpdateNotPermitted")
    finally:
        call(identities, "DELETE", first)


@pytest.mark.parametrize(
    "change, code",
    [
        ({"principalId": "2f7e0c43-0000-4000-8000-000000000000"}, "PrincipalNotFound"),
        ({"principalId": "not-a-guid"}, "InvalidPrincipalId"),
        ({"principalId": None}, "InvalidPrincipalId"),
        ({"principalType": "User"}, "UnmatchedPrincipalType"),
        ({"roleDefinitionId": "/x/2f7e0c43-0000-4000-8000-000000000000"}, "RoleDefinitionDoesNotExist"),
        ({"roleDefinitionId": 7}, "InvalidRoleDefinitionId"),
        ({"condition": "@Resource[x] StringEquals 'y'"}, "InvalidConditionFormat"),
    ],
)
def test_a_bad_assignment_is_refused_by_azures_code(
    identities: Sandbox, change: dict[str, Any], code: str
) -> None:
    body = grant(identities)
    body["properties"].update(change)
    answer = call(identities, "PUT", assignment_path(group(identities)), json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_an_assignments_name_is_a_guid(identities: Sandbox) -> None:
    answer = call(identities, "PUT", assignment_path(group(identities), "mine"), json=grant(identities))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRoleAssignmentId")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b'{"properties": []}', b'{"properties": {"a": NaN}}']
)
def test_a_junk_body_is_a_bad_request(identities: Sandbox, content: bytes) -> None:
    answer = call(identities, "PUT", assignment_path(group(identities)), content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]


def test_only_who_may_assign_roles_assigns_them(identities: Sandbox) -> None:
    path = assignment_path(group(identities))
    answer = call(identities, "PUT", path, "auditor", json=grant(identities))
    app, oid = stable_guid("application", "auditor"), stable_guid("service-principal", "auditor")
    assert answer.status_code == 403
    assert answer.json()["error"] == {
        "code": "AuthorizationFailed",
        "message": (
            f"The client '{app}' with object id '{oid}' does not have authorization to perform action "
            f"'Microsoft.Authorization/roleAssignments/write' over scope '{path}' or the scope is invalid. "
            "If access was recently granted, please refresh your credentials."
        ),
    }


def test_lists_are_filtered_by_scope_and_principal(identities: Sandbox) -> None:
    path = f"{group(identities)}/providers/Microsoft.Authorization/roleAssignments"
    train = stable_guid("service-principal", "train")

    def scopes(expression: str) -> set[str]:
        found = call(identities, "GET", path, params={"$filter": expression} if expression else {}).json()
        return {entry["properties"]["scope"] for entry in found["value"]}

    subscription, secret = identities.cloud.subscription_scope(), f"{vault(identities)}/secrets/legacy-secret"
    assert {subscription, secret, vault(identities)} <= scopes("")
    assert secret not in scopes("atScope()")
    assert subscription in scopes("atScope()")
    assert scopes(f"principalId eq '{train}'") == {secret}
    assert scopes(f"atScope() and assignedTo('{train}')") == set()
    bad = call(identities, "GET", path, params={"$filter": "createdBy gt 'x'"})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "UnsupportedQuery")


def test_builtin_roles_have_azures_names_and_actions(identities: Sandbox) -> None:
    path = f"{identities.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions"
    found = call(identities, "GET", path, params={"$filter": "roleName eq 'Storage Blob Data Reader'"}).json()
    (role,) = found["value"]
    assert role["name"] == "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
    assert role["id"] == f"{path}/{role['name']}"
    assert role["properties"]["permissions"][0]["dataActions"] == [
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    ]
    custom = call(identities, "GET", path, params={"$filter": "type eq 'CustomRole'"}).json()["value"]
    assert "Secret Rotator" in {entry["properties"]["roleName"] for entry in custom}
    assert "Owner" not in {entry["properties"]["roleName"] for entry in custom}


def test_a_custom_role_lives_and_dies(identities: Sandbox) -> None:
    subscription, guid = identities.cloud.subscription_scope(), str(uuid.uuid4())
    path = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
    body: dict[str, Any] = {
        "properties": {
            "roleName": f"Group Reader {guid}",
            "type": "CustomRole",
            "permissions": [{"actions": ["Microsoft.Resources/subscriptions/resourceGroups/read"]}],
            "assignableScopes": [subscription],
        }
    }
    assert call(identities, "PUT", path, json=body).status_code == 201
    assignment = assignment_path(group(identities))
    assert call(identities, "GET", group(identities), "nobody").status_code == 403
    assert call(identities, "PUT", assignment, json=grant(identities, guid)).status_code == 201
    assert call(identities, "GET", group(identities), "nobody").status_code == 200
    assigned = call(identities, "DELETE", path)
    assert assigned.json()["error"]["code"] == "RoleDefinitionHasAssignments"
    call(identities, "DELETE", assignment)
    assert call(identities, "DELETE", path).status_code == 200
    assert call(identities, "DELETE", path).status_code == 204
    body["properties"]["roleName"] = "reader"
    taken = call(identities, "PUT", path, json=body)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "RoleDefinitionWithSameNameExists")
    body["properties"]["assignableScopes"] = "everywhere"
    assert call(identities, "PUT", path, json=body).status_code == 400


def test_a_builtin_role_cannot_be_changed(identities: Sandbox) -> None:
    path = (
        f"{identities.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    )
    assert call(identities, "DELETE", path).json()["error"]["code"] == "RoleDefinitionDeleteNotPermitted"


def test_permissions_are_the_callers_own(identities: Sandbox) -> None:
    path = f"{group(identities)}/providers/Microsoft.Authorization/permissions"
    assert call(identities, "GET", path, "auditor").json()["value"] == [
        {
            "actions": ["*/read"],
            "notActions": [],
            "dataActions": [],
            "notDataActions": [],
            "condition": None,
            "conditionVersion": None,
        }
    ]
    assert call(identities, "GET", path, "nobody").json()["value"] == []


@pytest.mark.parametrize(
    "role, action, allowed",
    [
        ("Managed Identity Operator", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", True),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/read", True),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/computes/write", False),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/write", False),
        ("AzureML Data Scientist", "Microsoft.MachineLearningServices/workspaces/jobs/write", True),
        ("Contributor", "Microsoft.Authorization/roleAssignments/write", False),
        ("Contributor", "Microsoft.Storage/storageAccounts/listKeys/action", True),
        ("Reader", "Microsoft.Storage/storageAccounts/listKeys/action", False),
    ],
)
def test_wildcards_mean_what_the_roles_descriptions_say(
    identities: Sandbox, role: str, action: str, allowed: bool
) -> None:
    (found,) = [entry for entry in identities.cloud.rbac.roles() if entry.name == role]
    assert any(permission.allows(action, data=False) for permission in found.permissions) is allowed
