# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import unquote

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.rest import authorization
from airflow_provider_azureml.rest.authorization import Assignment, Permission

CLOUD = CLOUDS["public"]
SCOPE = "/subscriptions/s/resourceGroups/g"
ROLE = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/ACDD"
HELD = {
    "id": "/x/1",
    "properties": {
        "principalId": "p",
        "roleDefinitionId": ROLE,
        "scope": SCOPE,
        "condition": "c",
        "principalType": "Group",
        "createdBy": "me",
    },
}
DEFINITION = {
    "id": ROLE,
    "name": "ACDD",
    "properties": {
        "roleName": "Reader",
        "type": "BuiltInRole",
        "assignableScopes": ["/"],
        "permissions": [{"actions": ["*/read"], "notActions": [], "dataActions": None}],
    },
}
DENIED = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}})


@pytest.mark.parametrize(
    "flow, wanted",
    [
        (authorization.assignments_of(CLOUD, SCOPE, "p"), "atScope() and assignedTo('p')"),
        (authorization.assignments_below(CLOUD, SCOPE, "p"), "assignedTo('p')"),
        (authorization.assignments_at(CLOUD, SCOPE), "atScope()"),
    ],
)
def test_assignments_are_asked_for_by_scope_and_principal(play, flow, wanted) -> None:
    played = play(flow, {"value": [HELD], "nextLink": "https://management.azure.com/next"}, {"value": []})
    assert played.result == [Assignment("/x/1", "p", ROLE, SCOPE, "c", "Group", "", "me")]
    assert played.result[0].role_guid == "acdd"
    url = unquote(played.requests[0].url)
    assert url.startswith(
        f"https://management.azure.com{SCOPE}/providers/Microsoft.Authorization/roleAssignments?"
    )
    assert url.endswith(f"api-version=2022-04-01&$filter={wanted}")


def test_each_role_is_read_once_and_one_that_is_gone_is_left_out(play) -> None:
    held = [Assignment(str(n), "p", ROLE, SCOPE) for n in range(3)]
    played = play(
        authorization.definitions_of(CLOUD, [*held, Assignment("x", "p", "/gone", SCOPE)]),
        DEFINITION,
        (404, {"error": {"code": "RoleDefinitionDoesNotExist", "message": ""}}),
    )
    assert list(played.result) == ["acdd"]
    found = played.result["acdd"]
    assert (found.name, found.permissions, found.kind) == (
        "Reader",
        (Permission(("*/read",)),),
        "BuiltInRole",
    )


def test_a_role_is_found_by_its_name(play) -> None:
    played = play(authorization.role_named(CLOUD, SCOPE, "Bob's"), {"value": [DEFINITION]})
    assert played.result.name == "Reader"
    assert unquote(played.requests[0].url).endswith("$filter=roleName eq 'Bob''s'")
    assert play(authorization.role_named(CLOUD, SCOPE, "x"), {"value": []}).result is None


def test_a_deny_is_read_with_whom_it_spares(play) -> None:
    item = {
        "id": "/x/d",
        "name": "d",
        "properties": {
            "denyAssignmentName": "no entry",
            "scope": SCOPE,
            "permissions": [{"dataActions": ["*"]}],
            "principals": [{"id": "A", "type": "Everyone"}],
            "excludePrincipals": [{"id": "B"}],
            "doNotApplyToChildScopes": True,
        },
    }
    (found,) = play(authorization.denies_at(CLOUD, SCOPE), {"value": [item]}).result
    assert (found.deny_id, found.name, found.is_for_children) == ("/x/d", "no entry", False)
    assert (found.principals, found.excluded) == ({"a"}, {"b"})
    assert found.permissions == (Permission((), (), ("*",)),)


def test_the_callers_own_permissions_are_entries(play) -> None:
    found = play(
        authorization.permissions(CLOUD, SCOPE), {"value": [{"actions": ["*"], "notActions": ["x"]}]}
    )
    assert found.result == (Permission(("*",), ("x",)),)


def test_a_refused_read_is_an_error_and_no_empty_list(play) -> None:
    with pytest.raises(DeniedError):
        play(authorization.assignments_of(CLOUD, SCOPE, "p"), DENIED)
