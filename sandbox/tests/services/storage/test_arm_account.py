# SPDX-License-Identifier: Apache-2.0
"""Storage accounts as ARM resources."""

from __future__ import annotations

from typing import Any

from sandbox.tests.services.storage.storage_cloud import StorageCloud


def _send(storage: StorageCloud, method: str, path: str, principal: str = "manager", **options: Any) -> Any:
    group = storage.sandbox.cloud.group_scope("rg")
    url = f"https://management.azure.com{group}/providers/Microsoft.Storage/storageAccounts{path}"
    options.setdefault("params", {"api-version": "2023-05-01"})
    return storage.sandbox.http.request(method, url, headers=storage.sandbox.bearer(principal), **options)


def test_an_account_is_described_with_its_endpoints(storage: StorageCloud) -> None:
    account = _send(storage, "GET", "/lake").json()
    assert account["properties"]["isHnsEnabled"] is True
    assert account["properties"]["primaryEndpoints"]["dfs"] == "https://lake.dfs.core.windows.net/"
    names = [item["name"] for item in _send(storage, "GET", "").json()["value"]]
    assert names == ["flat", "keyless", "lake"]


def test_keys_are_shown_to_those_who_may(storage: StorageCloud) -> None:
    keys = _send(storage, "POST", "/lake/listKeys").json()["keys"]
    assert [key["keyName"] for key in keys] == ["key1", "key2"]
    refused = _send(storage, "POST", "/lake/listKeys", "reader")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "AuthorizationFailed"


def test_a_container_is_made_once(storage: StorageCloud) -> None:
    path = "/lake/blobServices/default/containers/by-arm"
    assert _send(storage, "PUT", path, json={}).status_code == 201
    assert _send(storage, "PUT", path, json={}).status_code == 200
    assert _send(storage, "GET", path).json()["name"] == "by-arm"
    bad = _send(storage, "PUT", "/lake/blobServices/default/containers/No_Good", json={})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "InvalidResourceName")


def test_an_account_that_is_missing_is_not_found(storage: StorageCloud) -> None:
    missing = _send(storage, "GET", "/nix")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "ResourceNotFound"
