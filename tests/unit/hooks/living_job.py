# SPDX-License-Identifier: Apache-2.0
"""A job as a task of this deployment leaves it."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.naming import DEPLOYMENT, OWNER, attempt_name, job_base
from airflow_provider_azureml.rest.job import Job

LONG_AGO = "2026-01-01T00:00:00Z"


def marks(run_id: str = "r", task_id: str = "t", map_index: int = -1, **changes: str) -> dict[str, str]:
    """The properties that a submit stamps."""
    place = {"airflow.dag_id": "d", "airflow.run_id": run_id, "airflow.task_id": task_id}
    base = job_base("prod", "d", run_id, task_id, map_index)
    return {DEPLOYMENT: "prod", OWNER: base, "airflow.map_index": str(map_index), **place, **changes}


def made(properties: dict[str, str] | None = None, number: int = 0, **changes: Any) -> Job:
    """One attempt."""
    properties = marks() if properties is None else properties
    name = attempt_name(properties.get(OWNER, "nobody"), number)
    given = {"name": name, "status": "Running", "job_type": "Command", "created_at": LONG_AGO}
    return Job(**{**given, "properties": properties, "experiment_name": "e", **changes})
