# SPDX-License-Identifier: Apache-2.0
"""The managed identity of the machine, pod or compute that runs this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.ways import SYSTEM_ASSIGNED

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential of the identity that the connection names, in whichever way it does."""
    from azure.identity import ManagedIdentityCredential

    for name in ("object_id", "resource_id"):
        value = getattr(settings, name)
        if value:
            return ManagedIdentityCredential(identity_config={name: value})
    return of_client(settings.client_id)


def of_client(client_id: str) -> TokenCredential:
    """A credential of one identity: hosts may have many, so it is always named."""
    from azure.identity import ManagedIdentityCredential

    if client_id == SYSTEM_ASSIGNED:
        return ManagedIdentityCredential()
    return ManagedIdentityCredential(client_id=client_id)
