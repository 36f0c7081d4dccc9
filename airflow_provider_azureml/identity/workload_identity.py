# SPDX-License-Identifier: Apache-2.0
"""A labelled pod's service account: the file that the workload identity webhook mounts and names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import source_kubernetes
from airflow_provider_azureml.identity.assertion import Mask
from airflow_provider_azureml.identity.authority import authority_options

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

FILE_VARIABLE = "AZURE_FEDERATED_TOKEN_FILE"
"""Set by the webhook in every labelled pod."""


def build(settings: Settings, mask: Mask) -> TokenCredential:
    """A credential that signs in with the content of the file."""
    from azure.identity import ClientAssertionCredential

    path = token_file(settings)
    if not path:
        problem = f"is missing, and {FILE_VARIABLE} is not set here."
        mend = "Add it, or label the pod azure.workload.identity/use: 'true'."
        raise settings.error("assertion_file", problem, mend)

    def assertion() -> str:
        return source_kubernetes.read(settings, path, mask)

    options = authority_options(settings.cloud)
    return ClientAssertionCredential(settings.tenant_id, settings.client_id, assertion, **options)


def token_file(settings: Settings) -> str:
    """Where the token is; empty when neither the connection nor the pod says it."""
    return settings.assertion_file or os.environ.get(FILE_VARIABLE, "")
