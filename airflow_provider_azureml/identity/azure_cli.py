# SPDX-License-Identifier: Apache-2.0
"""Whoever is signed in to the Azure CLI on this machine: for developers, never for a deployment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_PATIENCE = 30
"""Seconds for one call of `az`, whose first start on a busy laptop takes more than azure-identity's 10."""


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential that asks `az account get-access-token`, which must point at the same cloud."""
    from azure.identity import AzureCliCredential

    return AzureCliCredential(tenant_id=settings.tenant_id, process_timeout=_PATIENCE)
