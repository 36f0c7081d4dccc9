# SPDX-License-Identifier: Apache-2.0
"""The assertion that a connection signs in with, for who examines it: what it says, never itself."""

from __future__ import annotations

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import federated, source_kubernetes, workload_identity
from airflow_provider_azureml.identity.assertion import Fetch, Mask, Presented
from airflow_provider_azureml.rest.azure_error import translate

USING = ("federated", "workload_identity")
"""Ways of signing in with somebody else's token."""


def presented(settings: Settings, mask: Mask) -> Presented | None:
    """What the assertion says now; None for a way of signing in that uses none.

    :raises AzureMLError: when there is no usable one.
    """
    if settings.auth == "workload_identity":
        path = workload_identity.token_file(settings)
        if not path:
            raise settings.error("assertion_file", "is missing.", "Add it.")
        return Presented.of(source_kubernetes.read(settings, path, mask))
    if settings.auth == "federated":
        return _of_source(federated.SOURCES[settings.federated_source](settings, mask))
    return None


def _of_source(fetch: Fetch) -> Presented | None:
    """A managed identity's token is azure-identity's to get, and so are its errors."""
    from azure.core.exceptions import AzureError

    try:
        return Presented.of(fetch())
    except AzureError as error:
        raise translate(error, "the assertion's source") from error
