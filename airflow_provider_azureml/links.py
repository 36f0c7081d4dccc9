# SPDX-License-Identifier: Apache-2.0
"""The button on a task that opens its job in Azure ML Studio."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.compat import BaseOperatorLink, xcom_value

STUDIO_URL = "azureml_studio_url"
"""XCom key under which an operator leaves the address, before the wait begins."""


class AzureMLStudioLink(BaseOperatorLink):
    """Opens the job in Azure ML Studio."""

    name = "Azure ML Studio"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address; empty while there is no job (asking XCom then would log an error)."""
        if getattr(operator, "owned_job", True) is None:
            return ""
        return str(xcom_value(ti_key, STUDIO_URL) or "")

    def push(self, context: Any, url: str) -> None:
        """Make the button work now: Airflow 3 itself computes it only at the end, or on deferral."""
        context["ti"].xcom_push(key=STUDIO_URL, value=url)
        key = getattr(self, "xcom_key", None)
        if key:
            context["ti"].xcom_push(key=key, value=url)
