# SPDX-License-Identifier: Apache-2.0
"""From Airflow's settings to a recorder of what a hook does in Azure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit.event import TaskKey, Who
from airflow_provider_azureml.audit.recorder import OFF, REQUIRED, Recorder, Tell, check_mode
from airflow_provider_azureml.audit.sink import journal_in
from airflow_provider_azureml.compat import configured, running_task
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity.claims import Identity
from airflow_provider_azureml.rest.flow import Response


def audit_folder() -> Path:
    """Where the audit log is: `[azureml] audit_path`, else beside the task logs, which must be writable."""
    beside = f"{configured('logging', 'base_log_folder')}/azureml-audit"
    return Path(configured("azureml", "audit_path") or beside)


def recorder_for(settings: Settings, task_instance: Any, tell: Tell) -> Recorder | None:
    """Who writes down what is done with a connection; None when `[azureml] audit` is `off`.

    Raises ConfigurationError for a value of it that is none.

    :param task_instance: None for the task that this process runs, if any.
    """
    mode = check_mode(configured("azureml", "audit"))
    if mode == OFF:
        return None
    return Recorder(
        journal=journal_in(audit_folder()),
        cloud=settings.cloud,
        deployment=configured("azureml", "deployment_id"),
        connection=settings.conn_id,
        auth=settings.auth,
        is_required=mode == REQUIRED,
        task=_key_of(task_instance),
        who=_who,
        tell=tell,
    )


def _key_of(task_instance: Any) -> Callable[[], TaskKey | None]:
    def key() -> TaskKey | None:
        found = task_instance or running_task()
        return None if found is None else TaskKey.of(found)

    return key


def _who(token: str) -> Who | None:
    found = Identity.of(token)
    return Who(found.tenant_id, found.app_id, found.object_id) if found.object_id else None


class LastAnswer:
    """A `raw_response_hook` of Azure's own packages, which remembers the last answer."""

    def __init__(self) -> None:
        self.response = Response(0)

    def __call__(self, answer: Any) -> None:
        """Called by azure-core for each answer."""
        got = answer.http_response
        headers = {name.lower(): text for name, text in got.headers.items()}
        self.response = Response(got.status_code, headers)
