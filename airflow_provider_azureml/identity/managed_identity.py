# SPDX-License-Identifier: Apache-2.0
"""The managed identity of the machine, pod or compute that runs this."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import how
from airflow_provider_azureml.ways import SYSTEM_ASSIGNED

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential of the identity that the connection names, in whichever way it does. As `of_client`."""
    from azure.identity import ManagedIdentityCredential

    for name in ("object_id", "resource_id"):
        value = getattr(settings, name)
        if value:
            _refuse_pod(settings, name, "client_id")
            return ManagedIdentityCredential(identity_config={name: value})
    return of_client(settings, "client_id")


def of_client(settings: Settings, name: str) -> TokenCredential:
    """A credential of the identity whose client id field `name` holds: hosts may have many, so it is always named.

    Raises ConfigurationError where this process would become another one.
    """
    from azure.identity import ManagedIdentityCredential

    client_id = getattr(settings, name)
    if client_id == SYSTEM_ASSIGNED:
        _refuse_pod(settings, name, name)
        return ManagedIdentityCredential()
    return ManagedIdentityCredential(client_id=client_id)


def _refuse_pod(settings: Settings, name: str, by_client: str) -> None:
    """In a workload identity's pod azure-identity heeds a client id only: any other name would become the pod's own."""
    if how.backend(os.environ) != how.POD:
        return
    problem = f"cannot be used here: {', '.join(how.WEBHOOKS)} are set, which makes it {how.POD} instead."
    instead = "Use auth 'workload_identity', or" if settings.auth == "managed_identity" else "Give"
    raise settings.error(name, problem, f"{instead} the identity's client id in '{by_client}'.")
