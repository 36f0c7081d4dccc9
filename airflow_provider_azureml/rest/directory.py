# SPDX-License-Identifier: Apache-2.0
"""Lists that a comparison of access reads once for all: managed identities, denies, accounts, vaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest import authorization, graph
from airflow_provider_azureml.rest.authorization import Deny
from airflow_provider_azureml.rest.flow import Flow, Request, expect, pages
from airflow_provider_azureml.rest.graph import FederatedCredential

IDENTITIES = "2023-01-31"
STORAGE = "2023-05-01"
VAULTS = "2023-07-01"


@dataclass(frozen=True)
class ManagedIdentity:
    """A user-assigned managed identity as ARM knows it."""

    resource_id: str
    name: str
    client_id: str
    object_id: str


@dataclass(frozen=True)
class StorageAccount:
    """What decides, beside roles, who gets at an account's data.

    :param has_shared_key: whether its keys, and SAS made with them, are taken; Azure's default is that they are.
    :param default_action: of its firewall: `Allow`, or `Deny` for all that no rule names.
    """

    resource_id: str
    name: str
    has_shared_key: bool = True
    default_action: str = "Allow"
    public_network: str = "Enabled"


@dataclass(frozen=True)
class Vault:
    """A Key Vault.

    :param has_roles: whether roles decide; else access policies do, and roles count for nothing. At this API version
        null means that they do not ("VaultProperties": "If null or not specified, the vault is created with the default
        value of false").
    """

    resource_id: str
    name: str
    has_roles: bool = True


def managed_identities(cloud: Cloud, subscription: str) -> Flow[list[ManagedIdentity]]:
    """All of a subscription (its ARM id). Raises DeniedError."""
    path = f"{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    found = yield from pages(_get(cloud, path, IDENTITIES))
    return [_identity(item) for item in found]


def trusts_of_managed(cloud: Cloud, resource_id: str) -> Flow[list[FederatedCredential]]:
    """Whom a managed identity trusts. Raises NotFoundError or DeniedError."""
    found = yield from pages(_get(cloud, f"{resource_id}/federatedIdentityCredentials", IDENTITIES))
    return [graph.federated_credential({"name": item["name"], **item["properties"]}) for item in found]


def denies_in(cloud: Cloud, subscription: str) -> Flow[list[Deny]]:
    """Deny assignments at any scope of a subscription. Raises DeniedError."""
    path = f"{subscription}/{authorization.PROVIDER}/denyAssignments"
    found = yield from pages(_get(cloud, path, authorization.API_VERSION))
    return [authorization.deny(item) for item in found]


def storage_account(cloud: Cloud, resource_id: str) -> Flow[StorageAccount]:
    """The settings of a storage account. Raises NotFoundError or DeniedError."""
    body = expect((yield _get(cloud, resource_id, STORAGE)), 200).json()
    told = body.get("properties") or {}
    return StorageAccount(
        resource_id,
        str(body.get("name") or ""),
        told.get("allowSharedKeyAccess") is not False,
        str((told.get("networkAcls") or {}).get("defaultAction") or "Allow"),
        str(told.get("publicNetworkAccess") or "Enabled"),
    )


def vaults(cloud: Cloud, subscription: str) -> Flow[list[Vault]]:
    """All Key Vaults of a subscription (its ARM id). Raises DeniedError."""
    found = yield from pages(_get(cloud, f"{subscription}/providers/Microsoft.KeyVault/vaults", VAULTS))
    return [_vault(item) for item in found]


def _get(cloud: Cloud, path: str, version: str) -> Request:
    return Request(
        "GET", f"{cloud.resource_manager}{quote(path)}?api-version={version}", scope=cloud.arm_scope
    )


def _identity(item: Mapping[str, Any]) -> ManagedIdentity:
    told = item["properties"]
    return ManagedIdentity(
        str(item["id"]),
        str(item["name"]),
        str(told.get("clientId") or ""),
        str(told.get("principalId") or ""),
    )


def _vault(item: Mapping[str, Any]) -> Vault:
    told = item.get("properties") or {}
    return Vault(str(item["id"]), str(item["name"]), told.get("enableRbacAuthorization") is True)
