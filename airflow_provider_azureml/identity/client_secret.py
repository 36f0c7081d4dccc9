# SPDX-License-Identifier: Apache-2.0
"""An application with a secret: held by the connection, or better, in Key Vault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.identity.vaulted import Renewable, Stored, in_vault

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.identity import ClientSecretCredential

WRONG_SECRET = ("AADSTS7000215", "AADSTS7000222")
"""Entra's codes for an invalid and for an expired client secret (identity.md 4.4)."""


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential from the connection's password, or from the Key Vault it refers to."""

    def login(stored: Stored) -> TokenCredential:
        return with_secret(settings, stored.text)

    if settings.password:
        mask(settings.password)
        return with_secret(settings, settings.password)
    return Renewable(lambda: in_vault(settings, mask), login, WRONG_SECRET)


def with_secret(settings: Settings, secret: str) -> ClientSecretCredential:
    """A fresh credential, with no cached token, for this secret."""
    from azure.identity import ClientSecretCredential

    options = authority_options(settings.cloud)
    return ClientSecretCredential(settings.tenant_id, settings.client_id, secret, **options)
