# SPDX-License-Identifier: Apache-2.0
"""Vaults of the seed, and the application passwords that the seed puts into them."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.clock import hours
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.identity import APPLICATION
from azure_sandbox.kernel.ports import Directory, Registry
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.services.keyvault.changes import changed
from azure_sandbox.services.keyvault.records import Vault
from azure_sandbox.services.keyvault.service import KeyVault, check_name

#: Seconds that a password of the seed lives.
_LIFE = hours(24 * 90)


def seed_vaults(cloud: Cloud, vaults: KeyVault, document: Seed) -> None:
    """:raises InvalidSeed: where an entry lacks a name, or names no application"""
    for entry in document.get("key_vaults") or ():
        missing = [field for field in ("name", "resource_group") if not entry.get(field)]
        if missing:
            raise InvalidSeed(f"key_vaults: every vault needs a {missing[0]}")
        vault = _vault(cloud, entry)
        vaults.records.add_vault(vault)
        for secret in entry.get("secrets") or ():
            _seed_secret(cloud, vaults, vault, secret)


def _vault(cloud: Cloud, entry: dict[str, Any]) -> Vault:
    """A vault of the seed, governed by roles unless it says ``rbac: false``."""
    policies = []
    for given in entry.get("access_policies") or ():
        held = cloud.port(Directory).object_id_by_name(str(given.get("principal")))
        if held is None:
            raise InvalidSeed(f"key_vaults: access_policies of {entry['name']}: no principal {given!r}")
        policies.append({"objectId": held, "permissions": {"secrets": given.get("secrets") or []}})
    properties = {
        "enableRbacAuthorization": entry.get("rbac", True),
        "accessPolicies": policies,
        "publicNetworkAccess": entry.get("public_network_access"),
        "networkAcls": entry.get("network_acls"),
    }
    try:
        return changed(Vault(str(entry["name"]), str(entry["resource_group"])), {"properties": properties})
    except AzureError as error:
        raise InvalidSeed(f"key_vaults: {entry['name']}: {error.message}") from None


def _seed_secret(cloud: Cloud, vaults: KeyVault, vault: Vault, entry: dict[str, Any]) -> None:
    name, owner = str(entry.get("name")), str(entry.get("application"))
    check_name(name)
    registry = cloud.port(Registry)
    application = registry.identity_by_name(owner)
    if application is None or application.kind != APPLICATION:
        raise InvalidSeed(f"key_vaults: secret {name!r} is of application {owner!r}, who does not exist")
    if vaults.records.secret(vault.name.lower(), name) is not None:
        return
    now = cloud.clock.time()
    password, text = registry.add_password(
        application.client_id, "azure-sandbox seed", now, now + _LIFE, at_once=True
    )
    tags = {"keyId": password.key_id, "appId": application.client_id}
    attributes = {"enabled": True, "exp": int(password.end)}
    vaults.set(vault.name.lower(), name, {"value": text, "tags": tags, "attributes": attributes})
