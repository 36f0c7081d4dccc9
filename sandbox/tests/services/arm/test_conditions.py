# SPDX-License-Identifier: Apache-2.0
"""Conditions over the wire: kept, shown, changed, refused, and obeyed by who may assign roles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox
from sandbox.tests.kernel.documented_conditions import (
    ASSIGNMENTS,
    PATH,
    READ_A_BLOB,
    delegated,
    guarded,
    guids,
)
from sandbox.tests.services.arm.test_authorization import (
    NOBODY,
    READER,
    SECRETS_USER,
    assignment_path,
    call,
    grant,
    group,
)

CONDITION = guarded([READ_A_BLOB], f"{PATH} StringLike 'readonly/*'")
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
BROKER = stable_guid("service-principal", "legacy")


@pytest.fixture
def path(identities: Sandbox) -> Iterator[str]:
    """A role assignment's path, free before and after."""
    path = assignment_path(group(identities))
    yield path
    call(identities, "DELETE", path)


def test_a_condition_is_kept_and_returned(identities: Sandbox, path: str) -> None:
    body = grant(identities, condition=CONDITION, conditionVersion="2.0")
    made = call(identities, "PUT", path, json=body)
    assert made.status_code == 201
    for answer in (made, call(identities, "GET", path)):
        properties = answer.json()["properties"]
        assert (properties["condition"], properties["conditionVersion"]) == (CONDITION, "2.0")
    effects = [row for row in identities.cloud.ledger.effects(kind="role-assignment") if row.subject == path]
    assert (effects[-1].after or {})["condition"] == CONDITION


def test_without_its_version_a_condition_is_of_the_only_one(identities: Sandbox, path: str) -> None:
    made = call(identities, "PUT", path, json=grant(identities, condition=CONDITION))
    assert made.json()["properties"]["conditionVersion"] == "2.0"


@pytest.mark.parametrize(
    "version, shown", [("2015-07-01", False), ("2020-04-01-preview", True), ("2022-04-01", True)]
)
def test_old_versions_of_the_api_hide_the_condition(
    identities: Sandbox, path: str, version: str, shown: bool
) -> None:
    call(identities, "PUT", path, json=grant(identities, condition=CONDITION))
    params = {"api-version": version}
    found = call(identities, "GET", path, params=params).json()["properties"]
    assert ("condition" in found) is shown
    assert ("conditionVersion" in found) is shown


def test_an_old_version_of_the_api_makes_no_condition(identities: Sandbox, path: str) -> None:
    body = grant(identities, condition=CONDITION)
    answer = call(identities, "PUT", path, json=body, params={"api-version": "2015-07-01"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ConditionNotSupported")


def test_condition_and_description_can_be_changed_and_the_grant_cannot(
    identities: Sandbox, path: str
) -> None:
    first = call(identities, "PUT", path, json=grant(identities, condition=CONDITION)).json()
    other = CONDITION.replace("readonly", "other")
    changed = call(identities, "PUT", path, json=grant(identities, condition=other, description="why"))
    assert changed.status_code == 200
    properties = changed.json()["properties"]
    assert (properties["condition"], properties["description"]) == (other, "why")
    assert properties["createdOn"] == first["properties"]["createdOn"]
    assert properties["updatedOn"] > first["properties"]["updatedOn"]
    (row,) = [
        row
        for row in identities.cloud.ledger.effects(kind="role-assignment")
        if row.subject == path and row.effect == "updated"
    ]
    assert ((row.before or {})["condition"], (row.after or {})["condition"]) == (CONDITION, other)
    refused = call(identities, "PUT", path, json=grant(identities, SECRETS_USER, condition=other))
    assert refused.json()["error"]["code"] == "RoleAssignmentUpdateNotPermitted"


@pytest.mark.parametrize(
    "change",
    [
        {"conditionVersion": "1.0"},
        {"condition": "@Resource[Microsoft.ServiceBus/namespaces/queues:Name] StringEquals 'foo'"},
        {"condition": "ActionMatches"},
        {"condition": 7},
        {"condition": "@Principal[x] StringEquals 'y'"},
    ],
)
def test_a_bad_condition_is_refused(identities: Sandbox, path: str, change: dict[str, Any]) -> None:
    answer = call(identities, "PUT", path, json=grant(identities, **{"condition": CONDITION, **change}))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidConditionFormat")
    assert error["message"].startswith("The given role assignment condition is invalid. ")
    assert call(identities, "GET", path).status_code == 404


def test_a_condition_does_not_make_the_same_grant_another_one(identities: Sandbox, path: str) -> None:
    call(identities, "PUT", path, json=grant(identities))
    twin = call(
        identities, "PUT", assignment_path(group(identities)), json=grant(identities, condition=CONDITION)
    )
    assert (twin.status_code, twin.json()["error"]["code"]) == (409, "RoleAssignmentExists")


@pytest.fixture
def broker(identities: Sandbox) -> Iterator[str]:
    """A principal that may assign Reader, to service principals but itself, and nothing else."""
    condition = delegated(
        guids("ForAnyOfAnyValues:GuidEquals", "RoleDefinitionId", (READER,))
        + f" AND @S[{ASSIGNMENTS}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}}"
        + f" AND @S[{ASSIGNMENTS}:PrincipalId] GuidNotEquals {BROKER}"
    )
    path = assignment_path(group(identities))
    body = grant(identities, RBAC_ADMINISTRATOR, BROKER, condition=condition, conditionVersion="2.0")
    assert call(identities, "PUT", path, json=body).status_code == 201
    yield "legacy"
    call(identities, "DELETE", path)


def test_a_constrained_broker_assigns_what_its_condition_names(identities: Sandbox, broker: str) -> None:
    path = assignment_path(group(identities))
    assert call(identities, "PUT", path, broker, json=grant(identities)).status_code == 201
    assert call(identities, "DELETE", path, broker).status_code == 200


@pytest.mark.parametrize(
    "role, principal", [(SECRETS_USER, NOBODY), (RBAC_ADMINISTRATOR, NOBODY), (READER, BROKER)]
)
def test_a_constrained_broker_assigns_nothing_else(
    identities: Sandbox, broker: str, role: str, principal: str
) -> None:
    path = assignment_path(group(identities))
    answer = call(identities, "PUT", path, broker, json=grant(identities, role, principal))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
    junk = call(identities, "PUT", path, broker, content=b"{")
    assert (junk.status_code, junk.json()["error"]["code"]) == (403, "AuthorizationFailed")


def test_a_constrained_broker_deletes_nothing_else(identities: Sandbox, broker: str) -> None:
    foreign = assignment_path(group(identities))
    call(identities, "PUT", foreign, json=grant(identities, SECRETS_USER))
    assert call(identities, "DELETE", foreign, broker).status_code == 403
    assert call(identities, "DELETE", foreign).status_code == 200
    # What is not there has no attributes, so no condition on them holds.
    assert call(identities, "DELETE", assignment_path(group(identities)), broker).status_code == 403


def test_a_condition_guards_no_other_action(identities: Sandbox, broker: str) -> None:
    listing = f"{group(identities)}/providers/Microsoft.Authorization/roleAssignments"
    assert call(identities, "GET", listing, broker).status_code == 200


def test_a_deny_assignment_is_named_in_the_refusal(identities: Sandbox) -> None:
    made, nobody = identities.rights(), NOBODY
    held = made.assign(nobody, READER, group(identities))
    deny = made.deny(group(identities), {"actions": ["*/read"]}, principals=[nobody])
    try:
        error = call(identities, "GET", group(identities), "nobody").json()["error"]
        assert error["code"] == "DenyAssignmentAuthorizationFailed"
        assert "has permission to perform action" in error["message"]
        assert f"the deny assignment with name '{deny}' and Id '{deny}' at scope" in error["message"]
    finally:
        made.rbac.undeny(deny)
        made.rbac.unassign(held)
    assert (
        call(identities, "GET", group(identities), "nobody").json()["error"]["code"] == "AuthorizationFailed"
    )


@pytest.mark.parametrize(
    "expression", ["createdBy gt 'x'", "atScope() and principalId eq 'x'", "principalId eq x"]
)
def test_filters_that_azure_does_not_know_are_refused(identities: Sandbox, expression: str) -> None:
    listing = f"{group(identities)}/providers/Microsoft.Authorization/roleAssignments"
    answer = call(identities, "GET", listing, params={"$filter": expression})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UnsupportedQuery")


def test_who_knows_no_name_is_told_nothing_about_the_body(identities: Sandbox) -> None:
    answer = call(
        identities,
        "PUT",
        assignment_path(group(identities)),
        "nobody",
        json={"properties": str(uuid.uuid4())},
    )
    assert answer.status_code == 403
