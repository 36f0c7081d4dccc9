# SPDX-License-Identifier: Apache-2.0
"""Which Airflow this is, among all that use the same workspace."""

from __future__ import annotations

from airflow_provider_azureml.compat import configured
from airflow_provider_azureml.errors import ConfigurationError


def deployment_id() -> str:
    """The name of this Airflow among all that use the same workspace.

    :raises ConfigurationError: it is not set; two Airflows would take each other's jobs for their own.
    """
    value = configured("azureml", "deployment_id")
    if not value:
        mend = "Set AIRFLOW__AZUREML__DEPLOYMENT_ID to a short name that no other Airflow uses."
        raise ConfigurationError("[azureml] deployment_id", "is missing.", mend)
    return value
