# SPDX-License-Identifier: Apache-2.0
"""What is appended to the exception of a job that was refused: cause, who it is about, and mend.

At most three requests, and none that could hide the error itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.access.diagnose import Finding, diagnose
from airflow_provider_azureml.access.run_identity import Runner
from airflow_provider_azureml.checks.mount import sentence, who_mounts
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.rest import datastore

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

MOUNTS = "<run identity>"
"""In a mend: it is about whoever mounts."""


def diagnosed(task: AzureMLRunJobOperator, text: str) -> Finding | None:
    """Cause and mend of a refusal, filled in with what the definition and the workspace tell."""

    def scope_of(store: str) -> str:
        try:
            return task.hook.run(datastore.container_scope(task.hook.workspace, store))
        except AzureMLError:  # the error that is being explained matters more than this one
            return ""

    finding = diagnose(text)
    if finding is None or MOUNTS not in finding.mend:
        return diagnose(text, scope_of=scope_of)
    runner = _runner(task, text)
    who = runner.principal
    found = diagnose(text, (who.client_id or who.object_id) if who else runner.named, scope_of)
    return found and replace(found, remark=sentence(runner, _doctor(task)))


def _runner(task: AzureMLRunJobOperator, text: str) -> Runner:
    try:
        return who_mounts(task.hook, _properties(task), text)
    except AzureMLError as error:
        return Runner(None, doubt=f"who mounts is not known ({type(error).__name__})")


def _properties(task: AzureMLRunJobOperator) -> Mapping[str, Any]:
    try:
        return task.compiled.properties
    except ConfigurationError:  # it is the error that is being explained
        return {}


def _doctor(task: AzureMLRunJobOperator) -> str:
    """The command that looks further."""
    job = f" --job {task.owned_job[0]}" if task.owned_job else ""
    return f"airflow-azureml doctor {task.azureml_conn_id}{job}"
