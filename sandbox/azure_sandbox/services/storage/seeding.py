# SPDX-License-Identifier: Apache-2.0
"""The seed's ``storage_accounts``: what is there already stays as it is."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.services.storage.changes import changed, is_name, new_key
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.records import Account

_FIELDS = frozenset(
    {
        "name",
        "resource_group",
        "hns",
        "shared_key",
        "containers",
        "location",
        "public_network_access",
        "network_acls",
    }
)


def seed_accounts(cloud: Cloud, lake: Lake, entries: list[dict[str, Any]]) -> None:
    """:raises InvalidSeed: naming the account and the field"""
    for entry in entries:
        account = _account(cloud, lake, entry)
        for name in entry.get("containers") or ():
            if lake.catalog.container(account.name, str(name)) is None:
                _add_container(lake, account, str(name))


def _account(cloud: Cloud, lake: Lake, entry: dict[str, Any]) -> Account:
    name = str(entry.get("name", ""))
    _check(name, entry)
    found = lake.catalog.account(name)
    if found:
        return found
    account = Account(
        name,
        cloud.resource_scope(entry["resource_group"], "Microsoft.Storage/storageAccounts", name),
        str(entry.get("location") or cloud.location),
        bool(entry.get("hns", True)),
        bool(entry.get("shared_key", True)),
        (new_key(), new_key()),
        cloud.clock.time(),
        cloud.azure.storage,
        seal=new_key(),
    )
    try:
        account = changed(account, {"properties": _switches(entry)})
    except AzureError as error:
        raise InvalidSeed(f"storage_accounts: {name}: {error.message}") from None
    lake.catalog.add_account(account)
    return account


def _switches(entry: dict[str, Any]) -> dict[str, Any]:
    """The network members of an entry, under ARM's names."""
    return {
        "publicNetworkAccess": entry.get("public_network_access"),
        "networkAcls": entry.get("network_acls"),
    }


def _check(name: str, entry: dict[str, Any]) -> None:
    if not is_name(name):
        raise InvalidSeed(f"storage_accounts: name {name!r} is not 3 to 24 lower-case letters and digits")
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise InvalidSeed(f"storage_accounts: {name}: unknown field {unknown[0]!r}")
    if not entry.get("resource_group"):
        raise InvalidSeed(f"storage_accounts: {name}: resource_group is missing")


def _add_container(lake: Lake, account: Account, name: str) -> None:
    try:
        lake.create_container(account, name, {})
    except AzureError as error:
        raise InvalidSeed(f"storage_accounts: {account.name}: container {name!r}: {error.message}") from None
