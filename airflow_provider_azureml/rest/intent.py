# SPDX-License-Identifier: Apache-2.0
"""Cancelling with a trace, and only what is ours to cancel.

Azure does not say who cancelled a job. A retry must know: a job that a person cancelled stays
cancelled, one that we cancelled (task killed, deadline, cleared) is followed by the next attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from airflow_provider_azureml.errors import AzureMLError, ServiceError
from airflow_provider_azureml.naming import OWNER
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow, Request, briefly, expect
from airflow_provider_azureml.rest.job import CANCEL_REQUESTED, Job
from airflow_provider_azureml.rest.workspace import Workspace, discover

CANCEL_TAG = "airflow.cancel"
HOLDER_TAG = "airflow.holder"
"""Tag: the newest try that watches the job, where that is not the one that submitted it."""
TRY = "airflow.try"
"""Property: the try that submitted the job."""


@dataclass(frozen=True)
class Ending:
    """What came of the wish to end a job.

    :param asked: whether Azure was asked; there was nothing to ask for when the job had ended or is not ours.
    :param untraced: why the trace could not be left on the job; a retry will take the cancel for a person's.
    """

    asked: bool
    untraced: str = ""


def has_cancel_intent(job: Job) -> bool:
    """Whether one of us asked for this job's end."""
    return CANCEL_TAG in job.tags


def holder(job: Job) -> int:
    """The newest try that answers for a job, 0 when nobody says."""
    numbers = (job.tags.get(HOLDER_TAG, ""), job.properties.get(TRY, ""))
    return max(int(text) if text.isascii() and text.isdigit() else 0 for text in numbers)


def may_cancel(job: Job, owner: str, try_number: int | None = None) -> bool:
    """The fence: whether a job is alive, not ending yet, the owner's, and in no newer try's hands.

    :param try_number: of who wants it cancelled; None where no try is older than another.
    """
    is_alive = not job.is_terminal and job.status != CANCEL_REQUESTED
    is_held = try_number is not None and holder(job) > try_number
    return is_alive and job.properties.get(OWNER) == owner and not is_held


def end(workspace: Workspace, name: str, reason: str, allowed: Callable[[Job], bool]) -> Flow[Ending]:
    """Look at a job, and cancel it if that is allowed. Raises ServiceError when the cancel failed.

    Raises NotFoundError, too: who has submitted or seen a job, and does not find it, has cancelled nothing.
    """
    job = yield from job_flows.get(workspace, name)
    if not allowed(job):
        return Ending(asked=False)
    return Ending(asked=True, untraced=(yield from cancel(workspace, job, reason)))


def cancel(workspace: Workspace, job: Job, reason: str) -> Flow[str]:
    """Write `reason` on a job, then ask for its end.

    The trace goes first, so that nobody finds the job cancelled without it, but briefly: the cancel is what
    stops the bill. Returns why the trace could not be left, empty when it could. Raises ServiceError when
    the cancel failed; the trace then tells the next try, and the reaper, to cancel again.
    """
    untraced = yield from briefly(mark(workspace, job, reason))
    yield from ask(workspace, job.name)
    return (yield from mark(workspace, job, reason)) if untraced else ""


def mark(workspace: Workspace, job: Job, reason: str) -> Flow[str]:
    """Leave the trace; returns why it could not be left."""
    try:
        yield from tag(workspace, job, {CANCEL_TAG: reason})
    except AzureMLError as error:
        return str(error)
    return ""


def ask(workspace: Workspace, name: str) -> Flow[None]:
    """Ask for a job's end. That it has ended meanwhile is no failure."""
    try:
        yield from job_flows.cancel(workspace, name)
    except ServiceError as error:
        if error.status not in (400, 404, 409):
            raise
        found = yield from job_flows.find(workspace, name)
        if found is not None and not found.is_terminal:
            raise


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
