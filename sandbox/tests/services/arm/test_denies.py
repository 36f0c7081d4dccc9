# SPDX-License-Identifier: Apache-2.0
"""Deny assignments: from the seed or a test, read as Azure shows them, and obeyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_sandbox.app import create_cloud, create_services
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.denies import ALL_PRINCIPALS
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox

ARM = "https://management.azure.com"
ADMIN, TRAIN = (stable_guid("service-principal", name) for name in ("admin", "train"))
WRITE = "Microsoft.Resources/subscriptions/resourceGroups/write"
SEED: dict[str, Any] = {
    "resource_groups": ["ml", "free"],
    "applications": [{"name": "admin"}, {"name": "train"}],
    "groups": [{"name": "trainers", "members": ["train"]}],
    "role_assignments": [
        {"principal": name, "role": "Owner", "scope": "subscription"} for name in ("admin", "train")
    ],
    "deny_assignments": [
        {
            "name": "Managed by ML",
            "description": "nobody but the administrator",
            "scope": "group:ml",
            "actions": ["*"],
            "not_actions": ["*/read"],
            "excluded": ["admin"],
        },
        {
            "name": "Trainers",
            "scope": "group:free",
            "data_actions": ["*"],
            "principals": ["trainers"],
            "only_at_scope": True,
        },
    ],
}


@pytest.fixture(scope="module")
def sandbox(serve_module: Callable[..., Sandbox]) -> Sandbox:
    return serve_module(SEED)


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "2022-04-01", **kwargs.pop("params", {})}
    return sandbox.http.request(method, ARM + path, params=params, headers=sandbox.bearer(who), **kwargs)


def names(sandbox: Sandbox, scope: str, expression: str = "") -> list[str]:
    path = f"{scope}/providers/Microsoft.Authorization/denyAssignments"
    answer = call(sandbox, "GET", path, params={"$filter": expression} if expression else {})
    assert answer.status_code == 200, answer.text
    return [entry["properties"]["denyAssignmentName"] for entry in answer.json()["value"]]


def test_a_deny_of_the_seed_is_obeyed_and_named(sandbox: Sandbox) -> None:
    body = {"location": "eastus"}
    ml, free = (sandbox.cloud.group_scope(name) for name in ("ml", "free"))
    assert call(sandbox, "PUT", ml, json=body).status_code == 200
    error = call(sandbox, "PUT", ml, "train", json=body).json()["error"]
    assert error["code"] == "DenyAssignmentAuthorizationFailed"
    assert "deny assignment with name 'Managed by ML'" in error["message"]
    assert call(sandbox, "GET", ml, "train").status_code == 200
    assert call(sandbox, "PUT", free, "train", json=body).status_code == 200


def test_a_deny_is_shown_as_arm_writes_it(sandbox: Sandbox) -> None:
    scope = sandbox.cloud.group_scope("ml")
    guid = stable_guid("deny-assignment", scope, "Managed by ML")
    path = f"{scope}/providers/Microsoft.Authorization/denyAssignments/{guid}"
    shown = call(sandbox, "GET", path).json()
    assert (shown["id"], shown["name"]) == (path, guid)
    properties = shown["properties"]
    assert properties["principals"] == [{"id": ALL_PRINCIPALS, "type": "SystemDefined"}]
    assert properties["excludePrincipals"] == [{"id": ADMIN, "type": "ServicePrincipal"}]
    assert properties["permissions"][0]["notActions"] == ["*/read"]
    assert (properties["doNotApplyToChildScopes"], properties["isSystemProtected"]) == (False, True)
    assert call(sandbox, "GET", path.replace("/ml/", "/free/")).status_code == 404


@pytest.mark.parametrize("where", ["subscription", "ml", "free"])
@pytest.mark.parametrize(
    "expression, expected",
    [
        ("", {"subscription": ["Managed by ML", "Trainers"], "ml": ["Managed by ML"], "free": ["Trainers"]}),
        ("atScope()", {"subscription": [], "ml": ["Managed by ML"], "free": ["Trainers"]}),
        ("denyAssignmentName eq 'trainers'", {"subscription": ["Trainers"], "ml": [], "free": ["Trainers"]}),
        (f"principalId eq '{TRAIN}'", {"subscription": [], "ml": [], "free": []}),
        (
            f"principalId eq '{stable_guid('group', 'trainers')}'",
            {"subscription": ["Trainers"], "ml": [], "free": ["Trainers"]},
        ),
        (
            f"assignedTo('{TRAIN}')",
            {"subscription": ["Managed by ML", "Trainers"], "ml": ["Managed by ML"], "free": ["Trainers"]},
        ),
        (f"atScope() and assignedTo('{ADMIN}')", {"subscription": [], "ml": ["Managed by ML"], "free": []}),
        (
            f"gdprExportPrincipalId eq '{ADMIN}'",
            {"subscription": ["Managed by ML"], "ml": ["Managed by ML"], "free": []},
        ),
    ],
)
def test_lists_are_filtered(
    sandbox: Sandbox, where: str, expression: str, expected: dict[str, list[str]]
) -> None:
    cloud = sandbox.cloud
    scope = cloud.subscription_scope() if where == "subscription" else cloud.group_scope(where)
    assert sorted(names(sandbox, scope, expression)) == expected[where]


def test_an_export_shows_name_and_description_alone(sandbox: Sandbox) -> None:
    path = f"{sandbox.cloud.group_scope('ml')}/providers/Microsoft.Authorization/denyAssignments"
    params = {"$filter": f"gdprExportPrincipalId eq '{ADMIN}'"}
    (entry,) = call(sandbox, "GET", path, params=params).json()["value"]
    assert entry["properties"] == {
        "denyAssignmentName": "Managed by ML",
        "description": "nobody but the administrator",
    }


def test_an_unknown_filter_is_refused_and_nobody_writes_denies(sandbox: Sandbox) -> None:
    path = f"{sandbox.cloud.group_scope('ml')}/providers/Microsoft.Authorization/denyAssignments"
    refused = call(sandbox, "GET", path, params={"$filter": "createdBy eq 'x'"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "UnsupportedQuery")
    assert call(sandbox, "PUT", f"{path}/{TRAIN}", json={}).status_code == 404


def test_a_test_makes_denies_and_takes_them_away(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve({**SEED, "deny_assignments": []})
    scope = sandbox.cloud.group_scope("ml")
    document = {"name": "d", "scope": scope, "actions": [WRITE], "principals": [TRAIN]}
    made = sandbox.control("POST", "/denies", json=document)
    assert made.status_code == 201
    assert made.json()["id"].startswith(f"{scope}/providers/Microsoft.Authorization/denyAssignments/")

    def put() -> int:
        return call(sandbox, "PUT", scope, "train", json={"location": "eastus"}).status_code

    assert sandbox.control("GET", "/denies").json()["value"] == [made.json()]
    seen = [put()]
    assert sandbox.control("DELETE", "/denies").status_code == 204
    assert [*seen, put()] == [403, 200]


@pytest.mark.parametrize(
    "change, word",
    [
        ({"scope": "group:ml"}, "scope"),
        ({"name": None}, "name"),
        ({"actions": "x"}, "actions"),
        ({"only_at_scope": 1}, "only_at_scope"),
        ({"condition": "x"}, "condition"),
        ({"who": "x"}, "who"),
    ],
)
def test_a_bad_deny_is_named(sandbox: Sandbox, change: dict[str, Any], word: str) -> None:
    document = {"name": "d", "scope": "/subscriptions/s", "actions": ["*"], **change}
    answer = sandbox.control("POST", "/denies", json=document)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRule")
    assert word in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "section, entry, complaint",
    [
        ("deny_assignments", {"scope": "subscription"}, "name missing"),
        ("deny_assignments", {"name": "d", "scope": "subscription", "who": "x"}, "unknown field 'who'"),
        ("deny_assignments", {"name": "d", "scope": "subscription", "principals": ["ghost"]}, "'ghost'"),
        ("deny_assignments", {"name": "d", "scope": "subscription", "condition": "x"}, "condition of 'd'"),
        (
            "role_assignments",
            {"principal": "admin", "role": "Owner", "scope": "subscription", "condition": "x"},
            "condition for 'Owner' is invalid",
        ),
    ],
)
def test_a_seed_that_does_not_hold_together_says_where(
    tmp_path: Path, section: str, entry: dict[str, Any], complaint: str
) -> None:
    document = {"applications": [{"name": "admin"}], section: [entry]}
    with pytest.raises(InvalidSeed, match=complaint):
        create_services(create_cloud(tmp_path, document), document)
