# SPDX-License-Identifier: Apache-2.0
"""Inputs that are certainly not there are an error before anything is uploaded or submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import input_data
from airflow_provider_azureml.rest.retry import Retry

ONE_LOOK = Retry(total=0.0, answers=1, silences=1)
"""No insisting: what a look does not find out, the job will."""


def refuse_absent(hook: AzureMLHook, inputs: Mapping[str, Any] | None) -> None:
    """Look for the data of each input, once, with the submitter's own rights.

    :raises ConfigurationError: for the first input whose data certainly does not exist. An identity
        that may not look, as is recommended, finds out nothing, and that is no error.
    """
    uris = {name: uri for name, binding in (inputs or {}).items() if (uri := _uri_of(binding))}
    if not uris:
        return
    with hook.new_driver(retry=ONE_LOOK) as driver:
        for name, uri in uris.items():
            reason = driver.run(input_data.absent(hook.workspace, uri), hook.correlation_id)
            if reason:
                mend = "Correct the path, or run the task that writes it before this one."
                raise ConfigurationError(f"inputs: {name}: path", f"'{uri}': {reason}", mend)


def _uri_of(binding: Any) -> str:
    """The URI of a data input; empty for a literal."""
    uri = binding.get("uri") if isinstance(binding, Mapping) else None
    return uri if isinstance(uri, str) else ""
