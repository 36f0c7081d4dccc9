# SPDX-License-Identifier: Apache-2.0
"""A user-assigned managed identity vouches for an application of the same tenant.

The application holds a federated credential with issuer `{authority}/{tenant}/v2.0`, the identity's
object id as subject and the cloud's exchange audience (identity.md 1.2.5).
"""

from __future__ import annotations

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import managed_identity
from airflow_provider_azureml.identity.assertion import Fetch, Mask, usable


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that gives the identity's token for the exchange; azure-identity caches it.

    Its audience is not looked at: Entra may write the exchange's own id there.
    """
    source = managed_identity.of_client(settings, "source_client_id")
    scope = f"{settings.cloud.assertion_audience}/.default"

    def fetch() -> str:
        token = source.get_token(scope).token
        mask(token)
        return usable(token, f"managed identity {settings.source_client_id}")[0]

    return fetch
