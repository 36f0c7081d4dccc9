# SPDX-License-Identifier: Apache-2.0
"""Groups: made and changed behind Graph's permissions, nested, and reached by role assignments."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_sandbox.app import create_cloud, create_services
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox

GRAPH = "https://graph.microsoft.com/v1.0"
ARM = "https://management.azure.com"
TRAIN = stable_guid("service-principal", "train")
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

SEED: dict[str, Any] = {
    "resource_groups": ["ml"],
    "applications": [
        {"name": "admin", "app_roles": ["Group.ReadWrite.All", "Application.Read.All"]},
        {"name": "clerk", "app_roles": ["GroupMember.ReadWrite.All"]},
        {"name": "auditor", "app_roles": ["Directory.Read.All"]},
        {"name": "train"},
        {"name": "nobody"},
    ],
    "groups": [
        {"name": "trainers", "members": ["train"]},
        {"name": "everybody", "description": "All of them", "members": ["trainers"]},
    ],
    "role_assignments": [
        {"principal": "admin", "role": "Owner", "scope": "subscription"},
        {"principal": "everybody", "role": "Reader", "scope": "group:ml"},
    ],
}
TRAINERS, EVERYBODY = stable_guid("group", "trainers"), stable_guid("group", "everybody")


@pytest.fixture(scope="module")
def sandbox(serve_module: Callable[..., Sandbox]) -> Sandbox:
    return serve_module(SEED)


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    headers = sandbox.bearer(who, "https://graph.microsoft.com")
    return sandbox.http.request(method, GRAPH + path, headers=headers, **kwargs)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def ids(answer: httpx.Response) -> list[str]:
    return [entry["id"] for entry in answer.json()["value"]]


def reference(identifier: str) -> dict[str, str]:
    return {"@odata.id": f"{GRAPH}/directoryObjects/{identifier}"}


@pytest.fixture
def group(sandbox: Sandbox) -> Iterator[str]:
    """A group that is gone after the test."""
    body = {"displayName": "g", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True}
    made = call(sandbox, "POST", "/groups", json=body)
    assert made.status_code == 201
    yield made.json()["id"]
    call(sandbox, "DELETE", f"/groups/{made.json()['id']}")


def test_a_group_is_made_shown_found_changed_and_deleted(sandbox: Sandbox) -> None:
    name = str(uuid.uuid4())
    body = {
        "displayName": name,
        "description": "for a test",
        "mailNickname": "g",
        "mailEnabled": False,
        "securityEnabled": True,
        "members@odata.bind": [f"{GRAPH}/directoryObjects/{TRAIN}"],
    }
    made = call(sandbox, "POST", "/groups", json=body).json()
    assert {key: made[key] for key in ("displayName", "securityEnabled", "mailEnabled", "groupTypes")} == {
        "displayName": name,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
    }
    path = f"/groups/{made['id']}"
    shown = call(sandbox, "GET", path).json()
    assert (shown["id"], shown["description"]) == (made["id"], "for a test")
    assert ids(call(sandbox, "GET", "/groups", params={"$filter": f"displayName eq '{name}'"})) == [
        made["id"]
    ]
    assert ids(call(sandbox, "GET", f"{path}/members")) == [TRAIN]
    assert call(sandbox, "PATCH", path, json={"description": None}).status_code == 204
    assert call(sandbox, "GET", path).json()["description"] is None
    assert call(sandbox, "DELETE", path).status_code == 204
    assert code(call(sandbox, "GET", path)) == (404, "Request_ResourceNotFound")


def test_members_come_and_go_by_reference(sandbox: Sandbox, group: str) -> None:
    members = f"/groups/{group}/members"
    assert call(sandbox, "POST", f"{members}/$ref", "clerk", json=reference(TRAIN)).status_code == 204
    again = call(sandbox, "POST", f"{members}/$ref", "clerk", json=reference(TRAIN.upper()))
    assert code(again) == (400, "Request_BadRequest")
    assert "already exist" in again.json()["error"]["message"]
    (member,) = call(sandbox, "GET", members).json()["value"]
    assert (member["@odata.type"], member["displayName"]) == ("#microsoft.graph.servicePrincipal", "train")
    assert call(sandbox, "DELETE", f"{members}/{TRAIN}/$ref", "clerk").status_code == 204
    assert code(call(sandbox, "DELETE", f"{members}/{TRAIN}/$ref", "clerk"))[0] == 404
    assert ids(call(sandbox, "GET", members)) == []


def test_who_may_not_read_principals_sees_their_ids_alone(sandbox: Sandbox) -> None:
    (member,) = call(sandbox, "GET", f"/groups/{TRAINERS}/members", "clerk").json()["value"]
    assert member == {"@odata.type": "#microsoft.graph.servicePrincipal", "id": TRAIN}


@pytest.mark.parametrize(
    "who, method, path, status",
    [
        ("nobody", "GET", "/groups", 403),
        ("nobody", "GET", f"/groups/{TRAINERS}", 403),
        ("nobody", "POST", "/groups", 403),
        ("nobody", "POST", f"/servicePrincipals/{TRAIN}/getMemberGroups", 403),
        ("clerk", "POST", "/groups", 403),
        ("clerk", "DELETE", f"/groups/{TRAINERS}", 403),
        ("clerk", "GET", f"/servicePrincipals/{TRAIN}/transitiveMemberOf", 403),
        ("clerk", "GET", f"/groups/{TRAINERS}/members", 200),
        ("auditor", "GET", f"/groups/{TRAINERS}", 200),
        ("auditor", "POST", f"/groups/{TRAINERS}/members/$ref", 403),
    ],
)
def test_graphs_permissions_decide(sandbox: Sandbox, who: str, method: str, path: str, status: int) -> None:
    answer = call(
        sandbox, method, path, who, json={"securityEnabledOnly": True} if method == "POST" else None
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    "path",
    [
        f"/servicePrincipals/{TRAIN}",
        f"/servicePrincipals(appId='{stable_guid('application', 'train')}')",
        f"/directoryObjects/{TRAIN}",
    ],
)
def test_memberships_are_followed_through_groups(sandbox: Sandbox, path: str) -> None:
    body = {"securityEnabledOnly": True}
    asked = call(sandbox, "POST", f"{path}/getMemberGroups", "auditor", json=body).json()
    assert asked["value"] == [TRAINERS, EVERYBODY]
    assert ids(call(sandbox, "GET", f"{path}/transitiveMemberOf")) == [TRAINERS, EVERYBODY]
    assert ids(call(sandbox, "GET", f"{path}/memberOf")) == [TRAINERS]


def test_members_are_followed_through_groups(sandbox: Sandbox) -> None:
    assert ids(call(sandbox, "GET", f"/groups/{EVERYBODY}/members")) == [TRAINERS]
    assert ids(call(sandbox, "GET", f"/groups/{EVERYBODY}/transitiveMembers")) == [TRAINERS, TRAIN]
    assert ids(call(sandbox, "GET", f"/groups/{TRAINERS}/transitiveMemberOf")) == [EVERYBODY]


def test_groups_in_a_circle_end_every_search(sandbox: Sandbox, group: str) -> None:
    members = f"/groups/{group}/members/$ref"
    other = call(
        sandbox,
        "POST",
        "/groups",
        json={
            "displayName": "h",
            "mailNickname": "h",
            "mailEnabled": False,
            "securityEnabled": True,
            "members@odata.bind": [f"{GRAPH}/groups/{group}"],
        },
    ).json()["id"]
    assert call(sandbox, "POST", members, json=reference(other)).status_code == 204
    assert call(sandbox, "POST", members, json=reference(TRAIN)).status_code == 204
    assert set(ids(call(sandbox, "GET", f"/groups/{other}/transitiveMembers"))) == {group, TRAIN}
    assert ids(call(sandbox, "GET", f"/groups/{group}/transitiveMemberOf")) == [other]
    call(sandbox, "DELETE", f"/groups/{other}")
    assert ids(call(sandbox, "GET", f"/groups/{group}/members")) == [TRAIN]


@pytest.mark.parametrize(
    "expression, found",
    [
        ("displayName eq 'trainers' and mailNickname eq 'trainers'", [TRAINERS]),
        ("displayName eq 'trainers' and mailNickname eq 'everybody'", []),
        ("displayName eq 'cats and dogs'", []),
        ("", [TRAINERS, EVERYBODY]),
    ],
)
def test_filters_are_joined_by_and(sandbox: Sandbox, expression: str, found: list[str]) -> None:
    answer = call(sandbox, "GET", "/groups", params={"$filter": expression} if expression else {})
    assert sorted(ids(answer)) == sorted(found)


@pytest.mark.parametrize(
    "change, status",
    [
        ({"displayName": ""}, 400),
        ({"mailNickname": None}, 400),
        ({"securityEnabled": False}, 400),
        ({"mailEnabled": True}, 400),
        ({"members@odata.bind": "x"}, 400),
        ({"members@odata.bind": ["x"]}, 400),
        ({"members@odata.bind": [f"{GRAPH}/directoryObjects/{uuid.uuid4()}"]}, 404),
    ],
)
def test_a_body_that_makes_no_group_is_refused(sandbox: Sandbox, change: dict[str, Any], status: int) -> None:
    body = {"displayName": "g", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True, **change}
    assert call(sandbox, "POST", "/groups", json=body).status_code == status


def arm(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "2022-04-01", **kwargs.pop("params", {})}
    return sandbox.http.request(method, ARM + path, params=params, headers=sandbox.bearer(who), **kwargs)


def test_a_role_of_a_group_reaches_its_members_until_they_leave(sandbox: Sandbox, group: str) -> None:
    scope, nobody = sandbox.cloud.group_scope("ml"), stable_guid("service-principal", "nobody")
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = (
        f"{sandbox.cloud.subscription_scope()}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    )
    body = {"properties": {"roleDefinitionId": definition, "principalId": group, "principalType": "Group"}}

    def may() -> int:
        return arm(sandbox, "GET", scope, "nobody").status_code

    seen = [may()]
    made = arm(sandbox, "PUT", path, json=body)
    assert (made.status_code, made.json()["properties"]["principalType"]) == (201, "Group")
    call(sandbox, "POST", f"/groups/{group}/members/$ref", json=reference(nobody))
    seen.append(may())
    permissions = arm(
        sandbox, "GET", f"{scope}/providers/Microsoft.Authorization/permissions", "nobody"
    ).json()
    assert [entry["actions"] for entry in permissions["value"]] == [["*/read"]]
    call(sandbox, "DELETE", f"/groups/{group}/members/{nobody}/$ref")
    seen.append(may())
    arm(sandbox, "DELETE", path)
    assert seen == [403, 200, 403]


def test_permissions_are_one_entry_per_role_held_here_or_above(sandbox: Sandbox) -> None:
    scope = sandbox.cloud.group_scope("ml")
    made = sandbox.rights()
    direct = made.role({"actions": ["a/*"], "notActions": ["a/b"]}, {"dataActions": ["c"]})
    below = made.role({"actions": ["below"]})
    held = [
        made.assign(TRAIN, direct, sandbox.cloud.subscription_scope(), "ActionMatches{'a/c'}"),
        made.assign(TRAIN, below, f"{scope}/providers/x/y/z"),
    ]
    path = f"{scope}/providers/Microsoft.Authorization/permissions"
    entries = arm(sandbox, "GET", path, "train").json()["value"]
    for guid in held:
        made.rbac.unassign(guid)
    shown = [(entry["actions"], entry["notActions"], entry["dataActions"]) for entry in entries]
    assert sorted(shown) == [([], [], ["c"]), (["*/read"], [], []), (["a/*"], ["a/b"], [])]
    # As in Azure, nothing tells that one of them holds under a condition only.
    assert {entry["condition"] for entry in entries} == {None}


def test_a_group_is_no_service_principal(sandbox: Sandbox) -> None:
    scope = sandbox.cloud.group_scope("ml")
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    properties = {
        "roleDefinitionId": definition,
        "principalId": TRAINERS,
        "principalType": "ServicePrincipal",
    }
    answer = arm(sandbox, "PUT", path, json={"properties": properties})
    assert code(answer) == (400, "UnmatchedPrincipalType")


def test_assigned_to_follows_groups_and_principal_id_does_not(sandbox: Sandbox) -> None:
    listing = "/providers/Microsoft.Authorization/roleAssignments"
    scope, below = sandbox.cloud.group_scope("ml"), sandbox.cloud.subscription_scope()

    def principals(where: str, expression: str) -> list[str]:
        found = arm(sandbox, "GET", where + listing, params={"$filter": expression}).json()["value"]
        return [entry["properties"]["principalId"] for entry in found]

    assert principals(scope, f"assignedTo('{TRAIN}')") == [EVERYBODY]
    assert principals(scope, f"atScope() and assignedTo('{TRAIN}')") == [EVERYBODY]
    assert principals(below, f"assignedTo('{TRAIN}')") == [EVERYBODY]
    assert principals(below, f"atScope() and assignedTo('{TRAIN}')") == []
    assert principals(scope, f"principalId eq '{TRAIN}'") == []
    assert principals(scope, f"principalId eq '{EVERYBODY}'") == [EVERYBODY]


def test_a_member_that_does_not_exist_fails_the_seed(tmp_path: Path) -> None:
    document = {"groups": [{"name": "g", "members": ["ghost"]}]}
    with pytest.raises(InvalidSeed, match="'g' has the member 'ghost'"):
        create_services(create_cloud(tmp_path, document), document)
