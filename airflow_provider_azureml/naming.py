# SPDX-License-Identifier: Apache-2.0
"""Job names that are derived, never remembered (docs/decisions: exactly once).

A job's name is chosen by the client and is unique in its workspace, over all experiments. The
same task instance therefore gets the same base name in every try and after every clear; neither
try number nor epoch is part of it. Azure's rule for the name is `^[a-zA-Z0-9][a-zA-Z0-9\\-_]{0,254}$`.
"""

from __future__ import annotations

import hashlib
import json
import re

OWNER = "airflow.owner"
"""Property of a job: the name base of the task instance that it belongs to."""
DEPLOYMENT = "airflow.deployment"
"""Property of a job: the Airflow that submitted it. Beside it stand `airflow.dag_id`, `airflow.run_id`,
`airflow.task_id` and `airflow.map_index`."""
DETACHED = "airflow.detached"
"""Property of a job that may outlive its task: `true`."""
LOG_PLACE = "airflow.log"
"""Tag of a run: `<try>:<bytes>`, how much of its log which try has shown (docs/decisions/0008)."""
_SLUG_LENGTH = 80
_HASH_LENGTH = 20
_FOREIGN = re.compile(r"[^a-zA-Z0-9_]+")
_EXPERIMENT = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")


def job_base(
    deployment_id: str, dag_id: str, run_id: str, task_id: str, map_index: int = -1, key: str = ""
) -> str:
    """Return the name that all attempts of one task instance share, without the attempt number.

    :param deployment_id: names this Airflow among others that use the same workspace.
    :param map_index: -1 for a task that is not mapped, as Airflow counts.
    :param key: tells jobs apart when one task submits several.
    """
    parts = json.dumps([deployment_id, dag_id, run_id, task_id, map_index, key])
    digest = hashlib.sha256(parts.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{_slug(dag_id, task_id)}-{digest}"


def attempt_name(base: str, number: int) -> str:
    """Return the name of the n-th attempt, counted from 0."""
    if number < 0:
        raise ValueError(f"attempts are counted from 0, not {number}")
    return f"{base}-{number}"


def experiment(dag_id: str) -> str:
    """Return the experiment of a DAG's jobs, where the job definition names none: its id, if Azure takes that.

    Azure: 1-256 characters, a letter or digit first, then letters, digits, "_" and "-"; anything else is
    a 400. Ids that become the same name share a folder in Studio, and nothing else: no job is found by it.
    """
    if _EXPERIMENT.fullmatch(dag_id):
        return dag_id
    return _FOREIGN.sub("-", dag_id).strip("-_")[:255] or "airflow"


def _slug(*words: str) -> str:
    text = "-".join(_FOREIGN.sub("-", word).strip("-_") for word in words).strip("-_")
    return text[:_SLUG_LENGTH].rstrip("-_") or "job"
