# SPDX-License-Identifier: Apache-2.0
"""Whatever azure-identity's DefaultAzureCredential finds: opt-in, and seldom what one wants.

It tries one way after the other and takes the first that answers: a stray AZURE_CLIENT_SECRET on a
worker beats its managed identity, and a developer's `az login` stands in for a missing one. Nobody
can tell from the connection who a task will be; `test_connection` tells who it is here and now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.clouds import CLOUDS
from airflow_provider_azureml.connection import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """The chain, for the cloud of the connection.

    Outside the public cloud it goes without workload identity: the chain forgets the authority on the
    way there (azure-identity 1.27, `default.py`), and would show a service account's token to the public
    cloud's Entra. `auth: workload_identity` is right in every cloud.
    """
    from azure.identity import DefaultAzureCredential

    forgets = settings.cloud != CLOUDS["public"]
    return DefaultAzureCredential(
        authority=settings.cloud.authority, exclude_workload_identity_credential=forgets
    )
