# SPDX-License-Identifier: Apache-2.0
"""What a job's end means for the task: one small record, or an error that names the root cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_azureml.errors import (
    JobCanceledError,
    JobFailedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.job_error import kind_of, kind_of_all
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.flow import Flow, Pause
from airflow_provider_azureml.rest.intent import CANCEL_TAG, has_cancel_intent
from airflow_provider_azureml.rest.job import CANCELED, COMPLETED, FAILED, Job, Result, is_terminal
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT

BEHIND = (1.0, 2.0, 4.0)
"""Seconds after which ARM is asked again about a job that run history has seen to end: it may be a step behind."""


def result_of(hook: AzureMLHook, job: Job) -> dict[str, Any]:
    """The result record of a job that has ended.

    :raises JobFailedError: it ended otherwise than as Completed; of the class that Azure's reason tells.
    :raises UnreachableError: it has not ended, so that there is nothing to say about it yet.
    """
    if not job.is_terminal:
        raise UnreachableError(0, "NoEnd", f"job {job.name} has not ended: it is {job.status}")
    if job.status == COMPLETED:
        return Result.of(job, _metrics(hook, job)).to_dict()
    try:
        kind, cause = hook.run(root_cause(hook.workspace, job))
    except ServiceError as error:
        kind, cause = JobFailedError, f"(Azure's reason is not to be had: {error})"
    if job.status == CANCELED:
        text = " ".join(filter(None, [cause, _canceled_by(job)]))
        raise JobCanceledError(job.name, job.status, text, has_cancel_intent(job))
    raise kind(job.name, job.status, cause)


def _canceled_by(job: Job) -> str:
    """Who ended it, as far as we know, and what to do: Azure does not say who cancelled."""
    if has_cancel_intent(job):
        return f"Airflow asked for its end ({job.tags[CANCEL_TAG]})."
    return "It was cancelled outside of Airflow (Studio, CLI, or a policy). Clear the task to run a new job."


def _metrics(hook: AzureMLHook, job: Job) -> dict[str, float]:
    try:
        return hook.run(run_history.metrics(hook.workspace, job.name))
    except ServiceError as error:  # the job has succeeded, whatever tracking says
        hook.log.warning("The metrics of job %s are not to be had: %s", job.name, error)
        return {}


def root_cause(workspace: Workspace, job: Job) -> Flow[tuple[type[JobFailedError], str]]:
    """What kind of failure it is, with Azure's reason and the reasons of the failed steps of a pipeline."""
    own = yield from run_history.details(workspace, job.name)
    kinds, reasons = [], [own.error]
    if job.job_type == "Pipeline":
        for child in (yield from run_history.children(workspace, job.name)):
            if child.status == FAILED:
                details = yield from run_history.details(workspace, child.name)
                kinds.append(kind_of(details))
                reasons.append(f"Step {child.display_name or child.name}: {details.error}")
    kind = kind_of_all(kinds) if kinds else kind_of(own)
    return kind, "\n".join(reason for reason in reasons if reason)


def conclude(hook: AzureMLHook, event: Mapping[str, Any]) -> dict[str, Any]:
    """The result record of a job that was waited for; raises for every end but Completed."""
    name = event["name"]
    if event["reason"] == ERROR:
        raise UnreachableError(0, "NoState", f"the state of job {name} is not to be had: {event['error']}")
    try:
        job = hook.run(_ended(hook.workspace, event))
    except NotFoundError as error:
        why = "the job was deleted meanwhile, or the connection names another workspace now"
        gone = f"its result is not to be had: {why} ({error})"
        raise JobFailedError(name, event["status"] or "unknown", gone) from error
    if event["reason"] == TIMEOUT and not _ended_by_itself(job):
        cancel = f"cancelling failed: {event['error']}" if event["error"] else "its end was asked for"
        mend = "Raise timeout (or execution_timeout) when the job needs longer."
        raise JobFailedError(name, job.status, f"the task's deadline has passed, and {cancel}. {mend}")
    return result_of(hook, job)


def _ended(workspace: Workspace, event: Mapping[str, Any]) -> Flow[Job]:
    """The job of an event; one that was seen to end is waited for until ARM shows that, too, for some seconds."""
    job = yield from job_flows.get(workspace, event["name"])
    if event["reason"] != ENDED or not is_terminal(event["status"]):
        return job
    for seconds in BEHIND:
        if job.is_terminal:
            return job
        yield Pause(seconds)
        job = yield from job_flows.get(workspace, event["name"])
    return job if job.is_terminal else replace(job, status=event["status"])


def _ended_by_itself(job: Job) -> bool:
    """Whether it had ended, or a person had ended it, before the deadline's own cancel could."""
    return job.is_terminal and not (job.status == CANCELED and has_cancel_intent(job))
