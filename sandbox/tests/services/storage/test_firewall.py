# SPDX-License-Identifier: Apache-2.0
"""Network rules and keys of an account, set through ARM, and what its data plane then refuses."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, generate_blob_sas

from azure_sandbox.kernel.ports import Directory
from sandbox.tests.services.storage.storage_cloud import STORAGE, StorageCloud, grant

ACCOUNT = "guarded"
HERE, THERE = "203.0.113.10", "198.51.100.20"
CLOSED = "AuthorizationFailure"


class Guarded:
    """An account of its own, and the ways to reach it."""

    def __init__(self, storage: StorageCloud) -> None:
        self.storage = storage
        cloud = storage.sandbox.cloud
        self.scope = cloud.resource_scope("rg", "Microsoft.Storage/storageAccounts", ACCOUNT)
        body = {"location": "eastus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        made = self.arm("PUT", json={**body, "properties": {"isHnsEnabled": True}})
        assert made.status_code == 200, made.text
        self.arm("PUT", "/blobServices/default/containers/data", json={})
        self.arm("PATCH", json=OPEN)

    def arm(self, method: str, path: str = "", **options: Any) -> Any:
        sandbox = self.storage.sandbox
        url = f"https://management.azure.com{self.scope}{path}"
        params = {"api-version": "2023-05-01"}
        return sandbox.http.request(method, url, headers=sandbox.bearer("manager"), params=params, **options)

    def restrict(self, **properties: Any) -> None:
        answer = self.arm("PATCH", json={"properties": properties})
        assert answer.status_code == 200, answer.text

    def outcome(self, principal: str = "owner", client: httpx.Client | None = None) -> str:
        sandbox = self.storage.sandbox
        url = f"https://{ACCOUNT}.dfs.core.windows.net/data?resource=filesystem&recursive=false"
        answer = (client or sandbox.http).get(url, headers=sandbox.bearer(principal, STORAGE))
        return "ok" if answer.status_code == 200 else str(answer.headers["x-ms-error-code"])

    def keys(self) -> list[str]:
        return [key["value"] for key in self.arm("POST", "/listKeys").json()["keys"]]


OPEN = {
    "properties": {
        "publicNetworkAccess": "Enabled",
        "allowSharedKeyAccess": True,
        "networkAcls": {
            "defaultAction": "Allow",
            "bypass": "AzureServices",
            "ipRules": [],
            "virtualNetworkRules": [],
            "resourceAccessRules": [],
        },
    }
}


@pytest.fixture
def account(storage: StorageCloud) -> Guarded:
    return Guarded(storage)


@pytest.fixture
def compute(storage: StorageCloud) -> Iterator[httpx.Client]:
    """Who comes the way that jobs come."""
    cloud = storage.sandbox.cloud
    proxy = cloud.job_environment["HTTPS_PROXY"]
    trust = ssl.create_default_context(cafile=storage.authority)
    with httpx.Client(proxy=proxy, verify=trust, trust_env=False) as client:
        yield client


def _addresses(*addresses: str) -> dict[str, Any]:
    return {"defaultAction": "Deny", "ipRules": [{"value": address} for address in addresses]}


def test_a_closed_account_refuses_everybody_in_azures_words(account: Guarded, compute: httpx.Client) -> None:
    account.restrict(publicNetworkAccess="Disabled")
    assert (account.outcome(), account.outcome(client=compute)) == (CLOSED, CLOSED)
    url = f"https://{ACCOUNT}.dfs.core.windows.net/data?resource=filesystem&recursive=false"
    bearer = account.storage.sandbox.bearer("owner", STORAGE)
    answer = account.storage.sandbox.http.get(url, headers=bearer)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].startswith(
        "This request is not authorized to perform this operation.\n"
    )
    account.restrict(publicNetworkAccess="Enabled")
    assert account.outcome() == "ok"


@pytest.mark.parametrize("admitted", [(), (HERE,), (THERE,), (HERE, THERE), ("203.0.113.0/24",)])
def test_a_firewall_tells_the_worker_from_the_compute(
    account: Guarded, compute: httpx.Client, admitted: tuple[str, ...]
) -> None:
    account.restrict(networkAcls=_addresses(*admitted))
    inside = set(admitted) & {HERE, "203.0.113.0/24"}
    assert account.outcome() == ("ok" if inside else CLOSED)
    assert account.outcome(client=compute) == ("ok" if THERE in admitted else CLOSED)


def test_an_address_that_is_refused_learns_nothing_else(account: Guarded) -> None:
    account.restrict(networkAcls=_addresses())
    assert account.outcome("nobody") == CLOSED
    bare = account.storage.sandbox.http.get(f"https://{ACCOUNT}.blob.core.windows.net/data/x")
    assert (bare.status_code, bare.headers["x-ms-error-code"]) == (403, CLOSED)


def test_a_resource_that_the_rules_name_passes_from_anywhere(account: Guarded) -> None:
    sandbox = account.storage.sandbox
    resource = f"{sandbox.cloud.group_scope('rg')}/providers/Microsoft.Web/sites/site"
    identity = sandbox.cloud.port(Directory).create_managed_identity(resource)
    token, _ = sandbox.cloud.port(Directory).token(identity.principal_id, STORAGE)
    url = f"https://{ACCOUNT}.dfs.core.windows.net/data?resource=filesystem&recursive=false"
    bearer = {"Authorization": f"Bearer {token}"}
    rule = {"tenantId": sandbox.cloud.tenant_id, "resourceId": resource}
    for rules, outcome in (([], CLOSED), ([rule], "AuthorizationPermissionMismatch")):
        account.restrict(networkAcls={**_addresses(), "resourceAccessRules": rules})
        assert sandbox.http.get(url, headers=bearer).headers["x-ms-error-code"] == outcome


def test_what_is_not_named_in_a_patch_stays(account: Guarded) -> None:
    account.restrict(networkAcls=_addresses(HERE))
    account.restrict(allowSharedKeyAccess=False)
    shown = account.arm("GET").json()["properties"]
    assert shown["networkAcls"]["ipRules"] == [{"value": HERE, "action": "Allow"}]
    assert (shown["networkAcls"]["defaultAction"], shown["allowSharedKeyAccess"]) == ("Deny", False)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"isHnsEnabled": False}, "AccountPropertyCannotBeUpdated"),
        ({"publicNetworkAccess": "Maybe"}, "InvalidValuesForRequestParameters"),
        ({"networkAcls": {"defaultAction": "Perhaps"}}, "InvalidValuesForRequestParameters"),
        ({"networkAcls": {"ipRules": [{"value": "10.0.0.1"}]}}, "InvalidValuesForRequestParameters"),
        ({"networkAcls": {"ipRules": [{"value": "here"}]}}, "InvalidValuesForRequestParameters"),
        ({"networkAcls": {"bypass": "Friends"}}, "InvalidValuesForRequestParameters"),
        ({"networkAcls": {"virtualNetworkRules": [{"id": "net"}]}}, "InvalidValuesForRequestParameters"),
        ({"allowSharedKeyAccess": "no"}, "InvalidValuesForRequestParameters"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    account: Guarded, properties: dict[str, Any], code: str
) -> None:
    before = account.arm("GET").json()
    answer = account.arm("PATCH", json={"properties": properties})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert account.arm("GET").json() == before


def test_a_regenerated_key_and_all_it_signed_are_refused(account: Guarded) -> None:
    first, second = account.keys()
    url = f"https://{ACCOUNT}.blob.core.windows.net"
    with BlobServiceClient(url, first) as service:
        service.get_blob_client("data", "x").upload_blob(b"1")
    expiry = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)
    sas = generate_blob_sas(ACCOUNT, "data", "x", account_key=first, permission="r", expiry=expiry)
    assert account.storage.sandbox.http.get(f"{url}/data/x?{sas}").content == b"1"
    renewed = account.arm("POST", "/regenerateKey", json={"keyName": "key1"}).json()["keys"]
    assert renewed[0]["value"] not in (first, second)
    assert renewed[1]["value"] == second
    stale = account.storage.sandbox.http.get(f"{url}/data/x?{sas}")
    assert (stale.status_code, stale.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert "Make sure the value of Authorization header is formed correctly" in stale.text


def test_a_new_key_leaves_what_was_delegated_alone(account: Guarded) -> None:
    grant(account.storage.sandbox, "contributor", "contributor", account.scope)
    url = f"https://{ACCOUNT}.blob.core.windows.net"
    now = dt.datetime.now(dt.timezone.utc)
    later = now + dt.timedelta(hours=1)
    with BlobServiceClient(url, account.storage.credential("contributor")) as service:
        service.get_blob_client("data", "y").upload_blob(b"2", overwrite=True)
        key = service.get_user_delegation_key(now - dt.timedelta(minutes=5), later)
    sas = generate_blob_sas(ACCOUNT, "data", "y", user_delegation_key=key, permission="r", expiry=later)
    for name in ("key1", "key2"):
        account.arm("POST", "/regenerateKey", json={"keyName": name})
    assert account.storage.sandbox.http.get(f"{url}/data/y?{sas}").content == b"2"


def test_only_the_two_keys_can_be_regenerated(account: Guarded) -> None:
    answer = account.arm("POST", "/regenerateKey", json={"keyName": "key3"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidValuesForRequestParameters")
