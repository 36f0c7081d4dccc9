# SPDX-License-Identifier: Apache-2.0
"""What every kind of job definition shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_azureml.spec.binding import inputs, outputs
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.field import Fields
from airflow_provider_azureml.spec.reference import compute, versioned
from airflow_provider_azureml.spec.run_identity import run_identity

REFUSED = {
    "name": (
        "cannot be set: a job's name is derived from its Airflow task, so that a retry finds it.",
        "Use 'display_name' for what people see.",
    ),
    "services": ("has no place in a scheduled job.", "Remove it, or give the job as a REST body."),
    "parent_job_name": ("is not supported.", "Remove it."),
    "parameters": ("is written by the service.", "Remove it."),
}


def shared_body(fields: Fields, document: Document, workspace_id: str) -> dict[str, Any]:
    """The REST fields that all kinds have, absent ones as None."""
    fields.refuse(REFUSED)
    fields.ignore("$schema", "type")
    return {
        "displayName": fields.text("display_name"),
        "description": fields.text("description"),
        "experimentName": fields.text("experiment_name"),
        "tags": fields.texts("tags"),
        "properties": fields.texts("properties"),
        "isArchived": False,
        "computeId": compute(fields, workspace_id),
        "identity": run_identity(fields),
        "inputs": inputs(fields, document, workspace_id),
        "outputs": outputs(fields),
    }


def code(fields: Fields, document: Document, workspace_id: str) -> tuple[str | None, Path | None]:
    """`(id, None)` for code that is in the workspace, `(None, path)` for a local folder or file."""
    value = fields.text("code")
    if value is None:
        return None, None
    if value.startswith(("azureml:", "/subscriptions/")):
        return versioned(fields, "code", value, "codes", workspace_id), None
    if "://" in value:
        raise fields.error("code", f"'{value}' is no local folder.", "Name one, or 'azureml:NAME:VERSION'.")
    path = document.path("code", value)
    if not path.is_dir():
        raise fields.error("code", f"'{path}' is a file.", "Name the folder that holds it.")
    return None, path
