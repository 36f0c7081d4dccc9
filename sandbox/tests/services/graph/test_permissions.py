# SPDX-License-Identifier: Apache-2.0
"""Graph's own permissions, given to service principals and taken away; names of applications changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_sandbox.services.graph.permission_routes import GRAPH, PERMISSIONS
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


def test_an_application_may_be_given_another_name(sandbox: Sandbox) -> None:
    app = call(sandbox, "POST", "/applications", json={"displayName": "fresh"}).json()
    assert (
        call(sandbox, "PATCH", f"/applications/{app['id']}", json={"displayName": "stale"}).status_code == 204
    )
    assert call(sandbox, "GET", f"/applications/{app['id']}").json()["displayName"] == "stale"


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


def given(sandbox: Sandbox, name: str, permission: str) -> tuple[str, str]:
    """Gives it; object id of the principal, id of the assignment."""
    named = {"$filter": f"displayName eq '{name}'"}
    (principal,) = call(sandbox, "GET", "/servicePrincipals", params=named).json()["value"]
    graph = call(sandbox, "GET", f"/servicePrincipals(appId='{GRAPH}')").json()
    body = {
        "principalId": principal["id"],
        "resourceId": graph["id"],
        "appRoleId": PERMISSIONS[permission],
    }
    made = call(sandbox, "POST", f"/servicePrincipals/{principal['id']}/appRoleAssignments", json=body)
    assert made.status_code == 201
    return principal["id"], made.json()["id"]


def test_a_permission_is_taken_away_by_whom_may_give_it(sandbox: Sandbox) -> None:
    nobody, assignment = given(sandbox, "nobody", "Directory.ReadWrite.All")
    path = f"/servicePrincipals/{nobody}/appRoleAssignments"
    assert code(call(sandbox, "DELETE", f"{path}/{assignment}", "maker")) == (
        403,
        "Authorization_RequestDenied",
    )
    assert code(call(sandbox, "DELETE", f"{path}/{nobody}")) == (404, "Request_ResourceNotFound")
    assert call(sandbox, "DELETE", f"{path}/{assignment}").status_code == 204
    assert call(sandbox, "GET", path).json()["value"] == []
    assert code(call(sandbox, "DELETE", f"{path}/{assignment}")) == (404, "Request_ResourceNotFound")


def test_to_take_a_permission_away_nothing_else_is_needed_and_to_own_something_is_no_way(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(
        {
            "applications": [
                {"name": "admin", "app_roles": ["Application.Read.All", "AppRoleAssignment.ReadWrite.All"]},
                {"name": "clerk", "app_roles": ["AppRoleAssignment.ReadWrite.All"]},
                {"name": "maker", "app_roles": [OWNED]},
                {"name": "mine", "owners": ["maker"]},
            ]
        }
    )
    mine, assignment = given(sandbox, "mine", "Application.Read.All")
    path = f"/servicePrincipals/{mine}/appRoleAssignments/{assignment}"
    assert code(call(sandbox, "DELETE", path, "maker"))[0] == 403
    assert call(sandbox, "DELETE", path, "clerk").status_code == 204


def test_who_may_read_no_service_principal_does_not_read_graphs_own(sandbox: Sandbox) -> None:
    assert code(call(sandbox, "GET", f"/servicePrincipals(appId='{GRAPH}')", "nobody"))[0] == 403
