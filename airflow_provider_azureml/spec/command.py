# SPDX-License-Identifier: Apache-2.0
"""Command jobs (`type: command`; CLI v2 schema commandJob)."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.spec.base import code, shared_body
from airflow_provider_azureml.spec.binding import check_uses
from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.environment import environment
from airflow_provider_azureml.spec.field import Fields, compact
from airflow_provider_azureml.spec.secret_variable import refuse_secrets

TIERS = {"null": "Null", "spot": "Spot", "basic": "Basic", "standard": "Standard", "premium": "Premium"}
PRIORITIES = {"low": 1, "medium": 2, "high": 3}
DISTRIBUTIONS = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow"}


def compile_command(fields: Fields, document: Document, workspace_id: str) -> Compiled:
    """The body of a command job.

    :raises ConfigurationError: a field is unknown, missing or malformed.
    """
    body = shared_body(fields, document, workspace_id)
    command = fields.required_text("command")
    check_uses(fields, "command", command, {"inputs": body["inputs"], "outputs": body["outputs"]})
    code_id, code_path = code(fields, document, workspace_id)
    environment_id, definition = environment(fields, document, workspace_id)
    if environment_id is None and definition is None:
        mend = "Name one ('azureml:NAME:VERSION'), or write its image and conda_file."
        raise fields.error("environment", "is missing.", mend)
    variables = fields.texts("environment_variables")
    refuse_secrets(fields, variables)
    body |= {
        "jobType": "Command",
        "command": command,
        "codeId": code_id,
        "environmentId": environment_id,
        "environmentVariables": variables,
        "limits": fields.nested("limits", _limits),
        "resources": fields.nested("resources", _resources),
        "distribution": fields.nested("distribution", _distribution),
        "queueSettings": fields.nested("queue_settings", queue_settings),
    }
    fields.close()
    return Compiled(compact(body), code_path, definition)


def _limits(fields: Fields) -> dict[str, Any]:
    timeout = fields.integer("timeout")
    return compact({"timeout": timeout and iso_duration(timeout), "jobLimitsType": "Command"})


def iso_duration(seconds: int) -> str:
    """Whole seconds as an ISO 8601 duration (`PT1H30M`), in the canonical form that azure-ai-ml writes."""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if value)
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def _resources(fields: Fields) -> dict[str, Any]:
    listed = isinstance(fields.raw("docker_args"), list)
    body = {
        "instanceCount": fields.integer("instance_count"),
        "instanceType": fields.text("instance_type"),
        "properties": fields.raw("properties") or {},
        "dockerArgsList": fields.text_list("docker_args") if listed else None,
        "dockerArgs": None if listed else fields.text("docker_args"),
        "shmSize": fields.text("shm_size"),
        "locations": fields.text_list("locations"),
        "maxInstanceCount": fields.integer("max_instance_count"),
    }
    return compact(body)


def _distribution(fields: Fields) -> dict[str, Any]:
    kind = fields.choice("type", DISTRIBUTIONS)
    if kind is None:
        raise fields.error("type", "is missing.", f"Choose one of: {', '.join(DISTRIBUTIONS)}.")
    body: dict[str, Any] = {"distributionType": kind}
    if kind == "TensorFlow":
        body["parameterServerCount"] = fields.integer("parameter_server_count", minimum=0)
        body["workerCount"] = fields.integer("worker_count")
    else:
        body["processCountPerInstance"] = fields.integer("process_count_per_instance")
    return compact(body)


def queue_settings(fields: Fields) -> dict[str, Any]:
    """The tier of a job, and its priority."""
    return compact(
        {"jobTier": fields.choice("job_tier", TIERS), "priority": fields.choice("priority", PRIORITIES)}
    )
