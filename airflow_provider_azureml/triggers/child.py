# SPDX-License-Identifier: Apache-2.0
"""Waiting for one step of a pipeline job in the triggerer."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.job import COMPLETED, is_terminal
from airflow_provider_azureml.rest.run_history import Child
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.state import AzureMLBaseStateTrigger, Seen


class AzureMLChildJobTrigger(AzureMLBaseStateTrigger):
    """Fires once a step of a pipeline job has ended, or can not begin any more.

    :param azureml_conn_id: the connection to look with.
    :param job_name: the pipeline job.
    :param child: the step's name in the pipeline's `jobs`, or the name of its run.
    :param poll_interval: seconds between two looks.
    :param deadline: Unix time at which to fire; None waits for ever.
    """

    def __init__(
        self,
        azureml_conn_id: str,
        job_name: str,
        child: str,
        poll_interval: float = 30.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__(azureml_conn_id, poll_interval, deadline)
        self.job_name = job_name
        self.child = child

    @property
    def name(self) -> str:
        """What is waited for, as messages call it."""
        return f"Step {self.child} of job {self.job_name}"

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().arguments(), "job_name": self.job_name, "child": self.child}

    def look(self, workspace: Workspace) -> Flow[Seen]:
        """Ask once; raises ServiceError."""
        return seen(workspace, self.job_name, self.child)


def seen(workspace: Workspace, job_name: str, child: str) -> Flow[Seen]:
    """What has become of a step; one request while it is there, two before."""
    found = yield from _find(workspace, job_name, child)
    if found is None:
        parent = yield from job_flows.get(workspace, job_name)
        if not parent.is_terminal:
            return Seen("NotStarted")
        # Once more: it may have begun, and the pipeline ended, between the two answers.
        found = yield from _find(workspace, job_name, child)
    if found is None:
        problem = f"Job {job_name} ended as {parent.status}, and its step {child} never began."
        return Seen.failed(parent.status, problem)
    return (yield from _ended(workspace, found, child))


def _find(workspace: Workspace, job_name: str, child: str) -> Flow[Child | None]:
    """The step, None where run history does not know it yet."""
    try:
        found = yield from run_history.children(workspace, job_name)
    except NotFoundError:
        return None
    return next((each for each in found if child in (each.display_name, each.name)), None)


def _ended(workspace: Workspace, found: Child, child: str) -> Flow[Seen]:
    if not is_terminal(found.status):
        return Seen(found.status)
    if found.status == COMPLETED:
        return Seen(COMPLETED, has_ended=True, record={"name": found.name, "status": COMPLETED})
    reason = (yield from run_history.details(workspace, found.name)).error
    return Seen.failed(found.status, f"Step {child} ended as {found.status}. {reason}".strip())
