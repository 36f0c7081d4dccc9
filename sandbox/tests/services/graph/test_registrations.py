# SPDX-License-Identifier: Apache-2.0
"""Applications and service principals that are made, owned, and given Graph's own permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_sandbox.services.graph.registrations import GRAPH, PERMISSIONS
from azure_sandbox.testing import Sandbox

BASE = "https://graph.microsoft.com/v1.0"
OWNED = "Application.ReadWrite.OwnedBy"


@pytest.fixture
def sandbox(serve: Callable[..., Sandbox]) -> Sandbox:
    return serve(
        {
            "applications": [
                {
                    "name": "admin",
                    "app_roles": ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"],
                },
                {"name": "maker", "app_roles": [OWNED]},
                {"name": "nobody"},
            ]
        }
    )


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    headers = sandbox.bearer(who, "https://graph.microsoft.com")
    return sandbox.http.request(method, BASE + path, headers=headers, **kwargs)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def made(sandbox: Sandbox, who: str = "admin") -> dict[str, Any]:
    answer = call(sandbox, "POST", "/applications", who, json={"displayName": "fresh"})
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json()
    return found


def test_an_application_has_a_service_principal_once_somebody_makes_one(sandbox: Sandbox) -> None:
    app = made(sandbox)
    named = {"$filter": f"servicePrincipalNames/any(c:c eq '{app['appId']}')"}
    assert call(sandbox, "GET", "/servicePrincipals", params=named).json()["value"] == []
    principal = call(sandbox, "POST", "/servicePrincipals", json={"appId": app["appId"]})
    assert (principal.status_code, principal.json()["displayName"]) == (201, "fresh")
    (listed,) = call(sandbox, "GET", "/servicePrincipals", params=named).json()["value"]
    assert listed["id"] == principal.json()["id"]
    again = call(sandbox, "POST", "/servicePrincipals", json={"appId": app["appId"]})
    assert code(again) == (409, "Request_MultipleObjectsWithSameKeyValue")


def test_names_are_found_by_their_beginning_and_may_be_changed(sandbox: Sandbox) -> None:
    app = made(sandbox)
    begun = {"$filter": "startswith(displayName,'fre')"}
    assert [
        each["appId"] for each in call(sandbox, "GET", "/applications", params=begun).json()["value"]
    ] == [app["appId"]]
    patched = call(sandbox, "PATCH", f"/applications/{app['id']}", json={"displayName": "stale"})
    assert patched.status_code == 204
    assert call(sandbox, "GET", f"/applications/{app['id']}").json()["displayName"] == "stale"


def test_who_makes_an_application_owns_it_and_others_may_become_owners(sandbox: Sandbox) -> None:
    app = made(sandbox, "maker")
    path = f"/applications/{app['id']}/owners"
    owners = call(sandbox, "GET", path, "maker").json()["value"]
    assert [each["displayName"] for each in owners] == ["maker"]
    admin = call(sandbox, "GET", "/servicePrincipals", params={"$filter": "displayName eq 'admin'"}).json()[
        "value"
    ][0]
    reference = {"@odata.id": f"{BASE}/directoryObjects/{admin['id']}"}
    assert call(sandbox, "POST", f"{path}/$ref", "maker", json=reference).status_code == 204
    assert code(call(sandbox, "POST", f"{path}/$ref", "maker", json=reference)) == (400, "Request_BadRequest")
    nobody = {"@odata.id": f"{BASE}/directoryObjects/{app['id']}"}
    assert call(sandbox, "POST", f"{path}/$ref", "maker", json=nobody).status_code == 404


def test_a_permission_of_graph_is_given_by_whom_may_and_stands_in_tokens(sandbox: Sandbox) -> None:
    (nobody,) = call(
        sandbox, "GET", "/servicePrincipals", params={"$filter": "displayName eq 'nobody'"}
    ).json()["value"]
    named = {"$filter": f"appId eq '{GRAPH}'"}
    (graph,) = call(sandbox, "GET", "/servicePrincipals", params=named).json()["value"]
    assert call(sandbox, "GET", f"/servicePrincipals/{graph['id']}").json()["appId"] == GRAPH
    path = f"/servicePrincipals/{nobody['id']}/appRoleAssignments"
    body = {
        "principalId": nobody["id"],
        "resourceId": graph["id"],
        "appRoleId": PERMISSIONS["Application.Read.All"],
    }
    assert code(call(sandbox, "POST", path, "maker", json=body))[0] == 403
    assert call(sandbox, "POST", path, json=body).status_code == 201
    assert code(call(sandbox, "POST", path, json=body)) == (400, "Request_BadRequest")
    assert [each["appRoleId"] for each in call(sandbox, "GET", path).json()["value"]] == [body["appRoleId"]]
    assert call(sandbox, "GET", "/applications", "nobody").status_code == 200
    assert code(call(sandbox, "POST", path, json={**body, "appRoleId": GRAPH})) == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    ("who", "path", "body", "status"),
    [
        ("nobody", "/applications", {"displayName": "x"}, 403),
        ("admin", "/applications", {}, 400),
        ("admin", "/applications", {"displayName": " "}, 400),
        ("nobody", "/servicePrincipals", {"appId": "x"}, 403),
        ("admin", "/servicePrincipals", {"appId": "00000000-0000-4000-8000-000000000000"}, 400),
        ("admin", "/servicePrincipals", {}, 400),
    ],
)
def test_what_may_not_be_made_is_refused(
    sandbox: Sandbox, who: str, path: str, body: dict[str, Any], status: int
) -> None:
    assert call(sandbox, "POST", path, who, json=body).status_code == status
