# SPDX-License-Identifier: Apache-2.0
"""Cancelling with a trace: whoever finds the job later can tell that it was one of us.

Azure does not say who cancelled a job. A retry must know: a job that a person cancelled stays
cancelled, one that we cancelled (task killed, deadline, cleared) is followed by the next attempt.
"""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow, Request, expect
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.workspace import Workspace, discover

CANCEL_TAG = "airflow.cancel"


def has_cancel_intent(job: Job) -> bool:
    """Whether one of us asked for this job's end."""
    return CANCEL_TAG in job.tags


def cancel(workspace: Workspace, job: Job, reason: str) -> Flow[str]:
    """Ask for the job's end, then write `reason` on it.

    The cancel goes first: it is what stops the bill, and a killed worker has five seconds. Returns
    why the trace could not be left, empty when it could. Raises ServiceError when the cancel failed.
    """
    yield from job_flows.cancel(workspace, job.name)
    try:
        yield from tag(workspace, job, {CANCEL_TAG: reason})
    except AzureMLError as error:
        return str(error)
    return ""


def tag(workspace: Workspace, job: Job, tags: dict[str, str]) -> Flow[None]:
    """Add tags to a job through run history: the only way that works for every kind.

    A PUT of a fetched pipeline job is refused (azure-sdk-for-python#47389); azure-ai-ml 1.35.2 sends
    this PATCH itself when only tags changed.
    """
    api = yield from discover(workspace)
    path = f"/experiments/{quote(job.experiment_name, safe='')}/runs/{quote(job.name, safe='')}"
    url = f"{api}/history/v1.0{workspace.path}{path}?api-version=v1.0"
    request = Request("PATCH", url, scope=workspace.cloud.arm_scope, json={"tags": tags})
    expect((yield request), 200)
