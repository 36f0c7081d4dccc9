# SPDX-License-Identifier: Apache-2.0
"""Subscriptions, groups, managed identities, and how ARM answers who is not let in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_sandbox.app import create_cloud, create_services
from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox, serving

ARM = "https://management.azure.com"
UAMI = "Microsoft.ManagedIdentity/userAssignedIdentities"


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "2023-01-31"}
    return sandbox.http.request(method, ARM + path, params=params, headers=sandbox.bearer(who), **kwargs)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_subscription_is_seen_by_those_who_hold_a_role_in_it(identities: Sandbox) -> None:
    def seen(who: str) -> list[str]:
        return [s["subscriptionId"] for s in call(identities, "GET", "/subscriptions", who).json()["value"]]

    assert seen("auditor") == [identities.cloud.subscription_id]
    assert seen("train") == [identities.cloud.subscription_id]
    assert seen("nobody") == []


def test_a_subscription_of_somebody_else_is_not_found(identities: Sandbox) -> None:
    other = "2f7e0c43-0000-4000-8000-000000000000"
    assert code(call(identities, "GET", f"/subscriptions/{other}")) == (404, "SubscriptionNotFound")
    assert code(call(identities, "GET", "/subscriptions/x")) == (400, "InvalidSubscriptionId")
    assert call(identities, "GET", identities.cloud.subscription_scope()).json()["state"] == "Enabled"


def test_groups_are_created_read_and_missed(identities: Sandbox) -> None:
    path = identities.cloud.group_scope("fresh")
    assert code(call(identities, "GET", path)) == (404, "ResourceGroupNotFound")
    assert call(identities, "HEAD", path).status_code == 404
    assert code(call(identities, "PUT", path, json={})) == (400, "LocationRequired")
    assert call(identities, "PUT", path, json={"location": "eastus"}).status_code == 201
    assert call(identities, "PUT", path, json={"location": "eastus", "tags": {"a": "b"}}).status_code == 200
    assert call(identities, "GET", path.upper().replace("/SUBSCRIPTIONS", "/subscriptions")).json()[
        "tags"
    ] == {"a": "b"}
    names = [g["name"] for g in call(identities, "GET", path.rpartition("/")[0]).json()["value"]]
    assert {"ml", "fresh"} <= set(names)


def test_a_managed_identity_lives_with_its_credentials_and_dies(identities: Sandbox) -> None:
    path = identities.cloud.resource_scope("ml", UAMI, "mi-new")
    assert code(call(identities, "GET", path)) == (404, "ResourceNotFound")
    made = call(identities, "PUT", path, json={"location": "eastus", "tags": {"team": "ml"}})
    assert made.status_code == 201
    properties = made.json()["properties"]
    assert properties["tenantId"] == identities.cloud.tenant_id
    assert call(identities, "PUT", path, json={"location": "eastus"}).json()["properties"] == properties
    credential = f"{path}/federatedIdentityCredentials/k8s"
    trust = {"issuer": "https://issuer.example", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
    assert call(identities, "PUT", credential, json={"properties": trust}).status_code == 201
    assert call(identities, "GET", credential).json()["properties"] == trust
    twin = call(identities, "PUT", f"{credential}2", json={"properties": trust})
    assert code(twin) == (409, "Conflict")
    assert len(call(identities, "GET", f"{path}/federatedIdentityCredentials").json()["value"]) == 1
    assert call(identities, "DELETE", credential).status_code == 200
    assert call(identities, "DELETE", credential).status_code == 204
    assert call(identities, "DELETE", path).status_code == 200
    assert call(identities, "DELETE", path).status_code == 204


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"issuer": "http://plain.example", "subject": "s", "audiences": ["a"]},
        {"issuer": "https://issuer.example", "subject": "", "audiences": ["a"]},
        {"issuer": "https://issuer.example", "subject": "s", "audiences": ["a", "b"]},
        {"issuer": "https://issuer.example", "subject": "s", "audiences": [7]},
        [],
    ],
)
def test_a_bad_federated_credential_is_refused(identities: Sandbox, properties: Any) -> None:
    path = identities.cloud.resource_scope("ml", UAMI, "mi-train") + "/federatedIdentityCredentials/bad"
    assert call(identities, "PUT", path, json={"properties": properties}).status_code == 400


def test_managed_identities_are_listed_by_group_and_subscription(identities: Sandbox) -> None:
    group = f"{identities.cloud.group_scope('ml')}/providers/{UAMI}"
    names = {entry["name"] for entry in call(identities, "GET", group, "auditor").json()["value"]}
    assert {"mi-worker", "mi-train"} <= names
    everywhere = f"{identities.cloud.subscription_scope()}/providers/{UAMI}"
    assert names <= {entry["name"] for entry in call(identities, "GET", everywhere).json()["value"]}
    assert code(call(identities, "GET", group, "nobody")) == (403, "AuthorizationFailed")


def test_the_metadata_of_clouds_is_public(identities: Sandbox) -> None:
    clouds = identities.http.get(f"{ARM}/metadata/endpoints?api-version=2019-05-01").json()
    public = next(entry for entry in clouds if entry["name"] == "AzureCloud")
    assert public["resourceManager"] == "https://management.azure.com/"
    assert public["authentication"]["loginEndpoint"] == "https://login.microsoftonline.com"
    assert public["suffixes"]["storage"] == "core.windows.net"


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({}, "AuthenticationFailed"),
        ({"Authorization": "Basic Zm9vOmJhcg=="}, "AuthenticationFailed"),
        ({"Authorization": "Bearer"}, "AuthenticationFailed"),
        ({"Authorization": "Bearer junk"}, "InvalidAuthenticationToken"),
        ({"Authorization": "Bearer a.b.c"}, "InvalidAuthenticationToken"),
        ({"Authorization": "Bearer \u00e4\u00f6.\u00fc.x".encode("latin1")}, "InvalidAuthenticationToken"),
    ],
)
def test_a_stranger_is_challenged(identities: Sandbox, headers: dict[str, Any], expected: str) -> None:
    answer = identities.http.get(f"{ARM}/subscriptions?api-version=2022-12-01", headers=headers)
    assert code(answer) == (401, expected)
    tenant = identities.cloud.tenant_id
    assert f'authorization_uri="https://login.windows.net/{tenant}"' in answer.headers["www-authenticate"]


def test_a_token_for_another_resource_is_refused(identities: Sandbox) -> None:
    headers = identities.bearer("admin", "https://storage.azure.com")
    answer = identities.http.get(f"{ARM}/subscriptions?api-version=2022-12-01", headers=headers)
    assert code(answer) == (401, "InvalidAuthenticationTokenAudience")


def test_an_old_token_is_refused(serve: Callable[..., Sandbox]) -> None:
    clock = ManualClock()
    sandbox = serve({"applications": [{"name": "app"}]}, clock)
    headers = sandbox.bearer("app")
    clock.advance(86_401)
    answer = sandbox.http.get(f"{ARM}/subscriptions?api-version=2022-12-01", headers=headers)
    assert code(answer) == (401, "ExpiredAuthenticationToken")


def test_a_request_without_api_version_is_refused(identities: Sandbox) -> None:
    answer = identities.http.get(f"{ARM}/subscriptions", headers=identities.bearer("admin"))
    assert code(answer) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/subscriptions/%00",
        "/subscriptions/%ff/resourceGroups/%2f",
        "//providers/Microsoft.Authorization/roleAssignments/x",
        "/x/providers/Microsoft.Authorization/roleAssignments/x",
        "/subscriptions/../providers/Microsoft.Authorization/permissions",
        "/providers/Microsoft.Authorization/roleDefinitions/%F0%9F%92%A9",
    ],
)
def test_a_junk_path_is_an_error_in_arms_shape(identities: Sandbox, path: str) -> None:
    answer = call(identities, "GET", path)
    assert 400 <= answer.status_code < 500
    assert set(answer.json()["error"]) >= {"code", "message"}


def test_state_and_ids_survive_a_restart(tmp_path: Path) -> None:
    seed = {
        "resource_groups": ["ml"],
        "applications": [{"name": "admin"}],
        "role_assignments": [{"principal": "admin", "role": "Owner", "scope": "subscription"}],
    }
    properties = []
    for method in ("PUT", "GET"):
        with serving(tmp_path, seed) as sandbox:
            path = sandbox.cloud.resource_scope("ml", UAMI, "mi-kept")
            body = {"json": {"location": "eastus"}} if method == "PUT" else {}
            properties.append(call(sandbox, method, path, **body).json()["properties"])
    assert properties[0] == properties[1]


@pytest.mark.parametrize(
    "grant, complaint",
    [
        ({"principal": "ghost", "role": "Owner", "scope": "subscription"}, "no principal is named 'ghost'"),
        ({"principal": "app", "role": "Emperor", "scope": "subscription"}, "no role is named 'Emperor'"),
        ({"principal": "app", "role": "Owner", "scope": "storage:none"}, "names nothing"),
    ],
)
def test_a_seed_that_does_not_hold_together_says_where(
    tmp_path: Path, grant: dict[str, str], complaint: str
) -> None:
    document = {"applications": [{"name": "app"}], "role_assignments": [grant]}
    with pytest.raises(InvalidSeed, match=complaint):
        create_services(create_cloud(tmp_path, document), document)


def test_default_ids_are_stable(identities: Sandbox) -> None:
    path = identities.cloud.resource_scope("ml", UAMI, "mi-train")
    assert call(identities, "GET", path).json()["properties"] == {
        "tenantId": identities.cloud.tenant_id,
        "principalId": stable_guid("managed-identity", "mi-train", "principal"),
        "clientId": stable_guid("managed-identity", "mi-train", "client"),
    }
