# SPDX-License-Identifier: Apache-2.0
"""The connection that commands about access read with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azureml.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook


def reading_hook(conn_id: str) -> AzureMLHook:
    """Its hook, for a command line. Raises ConfigurationError."""
    from airflow_provider_azureml.compat import AirflowException, use_database
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

    use_database()
    hook = AzureMLHook(conn_id)
    try:
        hook.settings.require()
    except AirflowException as error:
        raise ConfigurationError("--conn-id", str(error), "See: airflow connections list") from error
    return hook
