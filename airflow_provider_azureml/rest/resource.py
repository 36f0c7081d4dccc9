# SPDX-License-Identifier: Apache-2.0
"""Resources of any kind as ARM shows them, and the ACL of a path in a lake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.flow import (
    STORAGE_SCOPE,
    STORAGE_VERSION,
    Flow,
    Request,
    expect,
    pages,
)

VERSIONS: Mapping[str, str] = {
    "microsoft.storage/storageaccounts": "2023-05-01",
    "microsoft.keyvault/vaults": "2023-07-01",
    "microsoft.containerregistry/registries": "2025-11-01",
    "microsoft.managedidentity/userassignedidentities": "2023-01-31",
    "microsoft.machinelearningservices/workspaces": "2024-10-01",
}
"""API versions by type."""
Resource = Mapping[str, Any]


def version_of(resource_id: str) -> str:
    """The API version for what an ARM id names, by the type of its outermost resource."""
    parts = resource_id.lower().partition("/providers/")[2].split("/")
    return VERSIONS["/".join(parts[:2])]


def get(cloud: Cloud, resource_id: str) -> Flow[Resource]:
    """Read one; raises NotFoundError or DeniedError."""
    url = f"{cloud.resource_manager}{quote(resource_id)}?api-version={version_of(resource_id)}"
    found: Resource = expect((yield Request("GET", url, scope=cloud.arm_scope)), 200).json()
    return found


def named(cloud: Cloud, subscription_id: str, kind: str, name: str) -> Flow[Resource | None]:
    """The one of a name in a subscription, whatever its group; None when there is none of it.

    :param kind: its type, e.g. `Microsoft.Storage/storageAccounts`.
    """
    path = f"/subscriptions/{quote(subscription_id)}/providers/{kind}?api-version={VERSIONS[kind.lower()]}"
    request = Request("GET", cloud.resource_manager + path, scope=cloud.arm_scope)
    for item in (yield from pages(request)):
        if str(item.get("name", "")).lower() == name.lower():
            found: Resource = item
            return found
    return None


@dataclass(frozen=True)
class Posix:
    """Who may do what with a path of a lake.

    :param acl: as text: `user::rwx,user:OBJECT_ID:r-x,...`.
    :param owner: object id; `$superuser` where a key or nobody in particular has made it.
    :param group: object id of the owning group, likewise.
    """

    acl: str
    owner: str = ""
    group: str = ""


def posix(cloud: Cloud, account: str, container: str, path: str) -> Flow[Posix]:
    """ACL and owners of a path; raises NotFoundError or DeniedError.

    :param path: empty for the root of the container.
    """
    host = f"https://{account}.dfs.{cloud.storage_suffix}"
    url = f"{host}/{quote(container)}/{quote(path)}?action=getAccessControl&upn=false"
    headers = {"x-ms-version": STORAGE_VERSION}
    answer = expect((yield Request("HEAD", url, scope=STORAGE_SCOPE, headers=headers)), 200)
    told = answer.headers
    return Posix(*(told.get(f"x-ms-{name}", "") for name in ("acl", "owner", "group")))
