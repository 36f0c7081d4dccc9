# SPDX-License-Identifier: Apache-2.0
"""Secrets with versions: over plain HTTP, and with the unmodified SDK, sync and async."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.identity import aio as identity_aio
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets import aio as secrets_aio

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

VAULT = "https://vault1.vault.azure.net"


def call(sandbox: Sandbox, method: str, path: str, who: str = "admin", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "7.4", **kwargs.pop("params", {})}
    headers = sandbox.bearer(who, "https://vault.azure.net")
    return sandbox.http.request(method, VAULT + path, params=params, headers=headers, **kwargs)


def code(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("innererror", {}).get("code")


def admin_secret(sandbox: Sandbox) -> tuple[str, str, str]:
    client = stable_guid("application", "admin")
    _, text = sandbox.cloud.port(Registry).add_password(client, None, 0.0, time.time() + 600, at_once=True)
    return sandbox.cloud.tenant_id, client, text


def test_the_first_request_is_challenged(identities: Sandbox) -> None:
    answer = identities.http.get(f"{VAULT}/secrets/legacy-secret/?api-version=7.4")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{identities.cloud.tenant_id}", '
        'resource="https://vault.azure.net"'
    )


def test_the_seeds_secret_is_the_applications_password(identities: Sandbox) -> None:
    secret = call(identities, "GET", "/secrets/legacy-secret/", "train").json()
    assert secret["tags"]["appId"] == stable_guid("application", "legacy")
    form = {
        "grant_type": "client_credentials",
        "client_id": secret["tags"]["appId"],
        "client_secret": secret["value"],
        "scope": "https://management.azure.com/.default",
    }
    url = f"https://login.microsoftonline.com/{identities.cloud.tenant_id}/oauth2/v2.0/token"
    assert identities.http.post(url, data=form).status_code == 200


def test_the_sdk_sets_reads_updates_lists_and_deletes(as_client: Sandbox) -> None:
    with (
        ClientSecretCredential(*admin_secret(as_client)) as credential,
        SecretClient(VAULT, credential) as client,
    ):
        expiry = datetime(2030, 1, 1, tzinfo=timezone.utc)
        first = client.set_secret("sdk", "one", content_type="text", tags={"rid": "1"}, expires_on=expiry)
        second = client.set_secret("sdk", "two")
        assert client.get_secret("sdk").value == "two"
        assert client.get_secret("sdk", first.properties.version).value == "one"
        assert first.properties.expires_on == expiry
        client.update_secret_properties("sdk", first.properties.version, enabled=False)
        with pytest.raises(HttpResponseError, match="disabled secret"):
            client.get_secret("sdk", first.properties.version)
        versions = {p.version: p.enabled for p in client.list_properties_of_secret_versions("sdk")}
        assert versions == {first.properties.version: False, second.properties.version: True}
        assert "sdk" in {p.name for p in client.list_properties_of_secrets()}
        client.begin_delete_secret("sdk").wait()
        with pytest.raises(ResourceNotFoundError):
            client.get_secret("sdk")
        assert "sdk" in {deleted.name for deleted in client.list_deleted_secrets()}
        client.begin_recover_deleted_secret("sdk").wait()
        assert client.get_secret("sdk").value == "two"
        client.begin_delete_secret("sdk").wait()
        client.purge_deleted_secret("sdk")
        with pytest.raises(ResourceNotFoundError):
            client.get_deleted_secret("sdk")


async def test_the_async_sdk_sets_and_reads(as_client: Sandbox) -> None:
    # aiohttp reads SSL_CERT_FILE when it is first imported, which another test may have done.
    trust = {"connection_verify": as_client.environment["SSL_CERT_FILE"]}
    async with (
        identity_aio.ClientSecretCredential(*admin_secret(as_client), **trust) as credential,
        secrets_aio.SecretClient(VAULT, credential, **trust) as client,
    ):
        await client.set_secret("aio", "value")
        assert (await client.get_secret("aio")).value == "value"


def test_the_disabled_latest_version_is_refused(identities: Sandbox) -> None:
    made = call(identities, "PUT", "/secrets/off", json={"value": "x", "attributes": {"enabled": False}})
    assert made.json()["attributes"]["enabled"] is False
    assert code(call(identities, "GET", "/secrets/off/")) == (403, "Forbidden", "SecretDisabled")


def test_an_expired_secret_is_still_answered(identities: Sandbox) -> None:
    call(identities, "PUT", "/secrets/old", json={"value": "x", "attributes": {"exp": 1}})
    assert call(identities, "GET", "/secrets/old").json()["attributes"]["exp"] == 1


def test_update_keeps_what_it_does_not_name(identities: Sandbox) -> None:
    body = {"value": "x", "contentType": "text", "tags": {"a": "b"}, "attributes": {"nbf": 5}}
    version = call(identities, "PUT", "/secrets/keep", json=body).json()["id"].rpartition("/")[2]
    call(identities, "PATCH", f"/secrets/keep/{version}", json={"tags": {"c": "d"}})
    kept = call(identities, "GET", f"/secrets/keep/{version}").json()
    assert (kept["tags"], kept["contentType"], kept["attributes"]["nbf"]) == ({"c": "d"}, "text", 5)
    assert "value" not in call(identities, "PATCH", f"/secrets/keep/{version}", json={}).json()


def test_lists_come_in_pages(identities: Sandbox) -> None:
    made = [
        call(identities, "PUT", "/secrets/pages", json={"value": str(n)}).json()["id"].rpartition("/")[2]
        for n in range(5)
    ]
    answer = call(identities, "GET", "/secrets/pages/versions", params={"maxresults": "2"}).json()
    seen = [entry["id"].rpartition("/")[2] for entry in answer["value"]]
    while answer["nextLink"]:
        headers = identities.bearer("admin", "https://vault.azure.net")
        answer = identities.http.get(answer["nextLink"], headers=headers).json()
        seen += [entry["id"].rpartition("/")[2] for entry in answer["value"]]
    assert seen == made


def test_a_deleted_name_cannot_be_used_until_recovered(identities: Sandbox) -> None:
    call(identities, "PUT", "/secrets/gone", json={"value": "x"})
    deleted = call(identities, "DELETE", "/secrets/gone").json()
    assert deleted["recoveryId"] == f"{VAULT}/deletedsecrets/gone"
    again = call(identities, "PUT", "/secrets/gone", json={"value": "y"})
    assert code(again) == (409, "Conflict", "ObjectIsDeletedButRecoverable")
    assert call(identities, "DELETE", "/deletedsecrets/gone").status_code == 204
    assert call(identities, "PUT", "/secrets/gone", json={"value": "y"}).status_code == 200


@pytest.mark.parametrize(
    "method, path, action",
    [
        ("GET", "/secrets/legacy-secret/", "getSecret/action"),
        ("PUT", "/secrets/legacy-secret", "setSecret/action"),
        ("PATCH", "/secrets/legacy-secret/abc", "update/action"),
        ("GET", "/secrets/legacy-secret/versions", "readMetadata/action"),
        ("GET", "/secrets", "readMetadata/action"),
        ("DELETE", "/secrets/legacy-secret", "delete"),
        ("DELETE", "/deletedsecrets/legacy-secret", "purge/action"),
    ],
)
def test_a_caller_without_the_role_is_told_what_is_missing(
    identities: Sandbox, method: str, path: str, action: str
) -> None:
    answer = call(identities, method, path, "nobody")
    assert code(answer) == (403, "Forbidden", "ForbiddenByRbac")
    message = answer.json()["error"]["message"]
    assert message.startswith("Caller is not authorized to perform action on resource.")
    assert f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}'" in message
    assert f"oid={stable_guid('service-principal', 'nobody')}" in message
    assert "Assignment: (not found)" in message


def test_a_role_on_one_secret_is_a_role_on_no_other(identities: Sandbox) -> None:
    call(identities, "PUT", "/secrets/another", json={"value": "x"})
    assert call(identities, "GET", "/secrets/legacy-secret", "train").status_code == 200
    assert call(identities, "GET", "/secrets/another", "train").status_code == 403
    assert call(identities, "PUT", "/secrets/legacy-secret", "train", json={"value": "x"}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"value": 1}',
        b'{"value": "\\ud800"}',
        b'{"value": "x", "tags": []}',
        b'{"value": "x", "tags": {"a": 1}}',
        b'{"value": "x", "attributes": 1}',
        b'{"value": "x", "attributes": {"enabled": "yes"}}',
        b'{"value": "x", "attributes": {"exp": 1e999}}',
        b'{"value": "x", "attributes": {"exp": -1}}',
        b'{"value": "x", "contentType": []}',
        b'{"value": "' + b"x" * 30_000 + b'"}',
    ],
)
def test_a_junk_body_is_a_bad_request(identities: Sandbox, body: bytes) -> None:
    answer = call(identities, "PUT", "/secrets/junk", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "path, status",
    [("/secrets/a_b", 400), ("/secrets/%F0%9F%92%A9", 400), ("/secrets/none", 404), ("/", 404)],
)
def test_a_name_that_does_not_exist_or_may_not_is_refused(
    identities: Sandbox, path: str, status: int
) -> None:
    answer = call(identities, "GET", path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] in ("BadParameter", "SecretNotFound", "ResourceNotFound")


def test_a_vault_that_does_not_exist_is_not_found(identities: Sandbox) -> None:
    url, headers = (
        "https://none.vault.azure.net/secrets?api-version=7.4",
        identities.bearer("admin", "https://vault.azure.net"),
    )
    assert identities.http.get(url, headers=headers).status_code == 404


@pytest.mark.parametrize("query", [{"maxresults": "0"}, {"maxresults": "x"}, {"$skiptoken": "-1"}])
def test_a_junk_page_is_a_bad_parameter(identities: Sandbox, query: dict[str, str]) -> None:
    assert code(call(identities, "GET", "/secrets", params=query))[:2] == (400, "BadParameter")


def test_the_vault_is_a_resource_of_arm(identities: Sandbox) -> None:
    scope = identities.cloud.resource_scope("ml", "Microsoft.KeyVault/vaults", "vault1")

    def get(path: str, who: str) -> httpx.Response:
        params = {"api-version": "2023-07-01"}
        url = f"https://management.azure.com{path}"
        return identities.http.get(url, params=params, headers=identities.bearer(who))

    found = get(scope, "auditor").json()
    assert found["id"] == scope
    assert found["properties"]["enableRbacAuthorization"] is True
    assert found["properties"]["vaultUri"] == f"{VAULT}/"
    assert get(scope, "nobody").status_code == 403
    assert get(f"{scope}2", "auditor").status_code == 404
    listed = get(scope.rpartition("/")[0], "auditor").json()["value"]
    assert [entry["name"] for entry in listed] == ["vault1"]
