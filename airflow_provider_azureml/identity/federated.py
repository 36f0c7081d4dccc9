# SPDX-License-Identifier: Apache-2.0
"""An application that trusts somebody else's token: no secret anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import source_managed_identity
from airflow_provider_azureml.identity.authority import authority_options

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SOURCES = {"managed_identity": source_managed_identity.assertion}
"""Who vouches: each is a function from settings to a function that returns a fresh token."""


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential that signs in with the source's token."""
    from azure.identity import ClientAssertionCredential

    fetch = SOURCES[settings.federated_source](settings)

    def assertion() -> str:
        token = fetch()
        mask(token)
        return token

    options = authority_options(settings.cloud)
    return ClientAssertionCredential(settings.tenant_id, settings.client_id, assertion, **options)
