# SPDX-License-Identifier: Apache-2.0
"""How every credential that talks to Entra is told which Entra."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.connection import CLOUDS, Cloud


def authority_options(cloud: Cloud) -> dict[str, Any]:
    """Options for azure-identity: the authority always explicit, few retries of its own.

    The drivers retry, so azure-identity's ten retries would only multiply theirs. For an Entra
    that Microsoft does not list, asking Microsoft about it is switched off.
    """
    options: dict[str, Any] = {"authority": cloud.authority, "retry_total": 2}
    if cloud.authority not in {known.authority for known in CLOUDS.values()}:
        options["disable_instance_discovery"] = True
    return options
