# SPDX-License-Identifier: Apache-2.0
"""User-assigned managed identities, as ARM knows them."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.flow import Flow, Request, expect, pages
from airflow_provider_azureml.rest.graph import FederatedCredential, federated_credential

API_VERSION = "2023-01-31"


@dataclass(frozen=True)
class ManagedIdentity:
    """A managed identity.

    :param principal_id: object id in Entra: what roles are assigned to.
    """

    id: str
    name: str
    principal_id: str
    client_id: str


def get(cloud: Cloud, resource_id: str) -> Flow[ManagedIdentity]:
    """Read one by its ARM id; raises NotFoundError or DeniedError."""
    body = expect((yield _get(cloud, resource_id)), 200).json()
    told = body["properties"]
    return ManagedIdentity(
        str(body["id"]), str(body["name"]), str(told["principalId"]), str(told["clientId"])
    )


def federated_credentials(cloud: Cloud, resource_id: str) -> Flow[list[FederatedCredential]]:
    """Whom one trusts; raises NotFoundError or DeniedError."""
    found = yield from pages(_get(cloud, f"{resource_id}/federatedIdentityCredentials"))
    return [federated_credential({**item["properties"], "name": item.get("name")}) for item in found]


def _get(cloud: Cloud, path: str) -> Request:
    url = f"{cloud.resource_manager}{path}?api-version={API_VERSION}"
    return Request("GET", url, scope=cloud.arm_scope)
