# SPDX-License-Identifier: Apache-2.0
"""The `environment` of a job: a reference to a registered one, or one written in place."""

from __future__ import annotations

from typing import Any

import yaml

from airflow_provider_azureml.spec.compiled import EnvironmentDefinition
from airflow_provider_azureml.spec.document import Document, read_yaml
from airflow_provider_azureml.spec.field import Fields
from airflow_provider_azureml.spec.reference import versioned

REFUSED = {
    "build": (
        "is not supported.",
        "Build the image elsewhere and name it in 'image', or register the environment.",
    ),
    "name": (
        "has no place in an environment written in place.",
        "Remove it, or write 'azureml:NAME:VERSION'.",
    ),
    "version": ("has no place in an environment written in place.", "Remove it."),
    "inference_config": ("belongs to endpoints, not to jobs.", "Remove it."),
}


def environment(
    fields: Fields, document: Document, workspace_id: str
) -> tuple[str | None, EnvironmentDefinition | None]:
    """`(id, None)` for a reference, `(None, definition)` for one in place, `(None, None)` when absent."""
    value = fields.raw("environment")
    if value is None:
        return None, None
    if isinstance(value, str):
        return versioned(fields, "environment", value, "environments", workspace_id), None
    return None, fields.nested("environment", lambda inner: _definition(inner, document))


def _definition(fields: Fields, document: Document) -> EnvironmentDefinition:
    fields.refuse(REFUSED)
    fields.ignore("$schema", "description", "tags", "os_type")
    return EnvironmentDefinition(fields.required_text("image"), _conda(fields, document))


def _conda(fields: Fields, document: Document) -> str | None:
    """The packages as YAML text with sorted keys, so that the same packages give the same environment."""
    conda: Any = fields.raw("conda_file")
    if conda is None:
        return None
    if isinstance(conda, str):
        conda = read_yaml(document.path("environment: conda_file", conda), f"conda file {conda!r}")
    if not isinstance(conda, dict) or not isinstance(conda.get("dependencies"), list):
        raise fields.error("conda_file", "holds no list 'dependencies'.", "Write a conda environment file.")
    text: str = yaml.safe_dump(conda, sort_keys=True)
    return text
