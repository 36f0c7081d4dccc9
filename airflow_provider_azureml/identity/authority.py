# SPDX-License-Identifier: Apache-2.0
"""How every credential that talks to Entra is told which Entra."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.connection import CLOUDS, Cloud
from airflow_provider_azureml.rest.azure_error import BUSY
from airflow_provider_azureml.rest.flow import TRANSIENT
from airflow_provider_azureml.rest.tls import sync_options


def authority_options(cloud: Cloud) -> dict[str, Any]:
    """Options for azure-identity: the authority always explicit, no retries of its own.

    The drivers and the watcher retry; azure-identity would sleep as long as a `Retry-After` says, a
    week if need be, where nothing can wake it. For an Entra that Microsoft does not list, asking
    Microsoft about it is switched off.
    """
    options: dict[str, Any] = {"authority": cloud.authority, "retry_total": 0, "raw_response_hook": _see}
    options |= sync_options()
    if cloud.authority not in {known.authority for known in CLOUDS.values()}:
        options["disable_instance_discovery"] = True
    return options


def _see(response: Any) -> None:
    """MSAL takes "not now" for a refusal, and repeats it for a minute without asking: raised before it looks.

    :raises HttpResponseError: the cause of azure-identity's own error then.
    """
    from azure.core.exceptions import HttpResponseError

    answer = response.http_response
    is_refusal = answer.status_code in (400, 401)
    if answer.status_code in TRANSIENT or (is_refusal and any(code in answer.text() for code in BUSY)):
        raise HttpResponseError(response=answer)
