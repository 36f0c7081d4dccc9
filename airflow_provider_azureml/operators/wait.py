# SPDX-License-Identifier: Apache-2.0
"""Waiting in a worker, and cancelling from one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import AzureMLError, ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.triggers.job import ENDED, TIMEOUT, may_cancel
from airflow_provider_azureml.triggers.log import LogTail
from airflow_provider_azureml.triggers.poll import Patience, look, remaining

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.base import AzureMLBaseOperator

AT_ONCE = Retry(total=3.0, answers=2, silences=2, first=0.2, cap=0.4, longest=1.0)
"""How long the handler of SIGTERM insists: Airflow sends SIGKILL five seconds later."""
SLICE = 0.5
"""Seconds that a waiting worker sleeps at a time, so that SIGTERM is noticed at once."""


def watch(task: AzureMLBaseOperator, name: str, owner: str, deadline: float | None) -> dict[str, Any]:
    """The same wait as the trigger's, in this worker; returns the same event."""
    tail = LogTail(name) if task.stream_logs and owner else None
    patience = Patience(task.poll_interval)
    pause, status = patience.first(), ""
    while True:
        _sleep(task, min(pause, max(remaining(deadline), 0.0)))
        if remaining(deadline) <= 0:
            problem = cancel(task.hook, name, owner, "deadline")
            return {"name": name, "reason": TIMEOUT, "status": status, "error": problem}
        try:
            seen = task.hook.run(look(task.hook.workspace, name, tail))
            pause = patience.after_success()
        except ServiceError as error:
            pause = patience.after_error(error)
            task.log.warning("The state of job %s is not to be had just now: %s", name, error)
            continue
        for line in seen.lines:
            task.log.info("%s", line)
        if seen.status != status:
            status = seen.status
            task.log.info("Job %s is %s", name, status)
        if seen.has_ended:
            return {"name": name, "reason": ENDED, "status": status, "error": ""}


def _sleep(task: AzureMLBaseOperator, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        task.unless_killed()
        time.sleep(min(left, SLICE))
    task.unless_killed()


def cancel(
    hook: AzureMLHook, name: str, owner: str, reason: str, run: Callable[[Any], Any] | None = None
) -> str:
    """Cancel a living job of ours; returns what went wrong, empty for nothing.

    :param run: carries flows out, when not the hook.
    """
    run = run or hook.run
    try:
        job = run(job_flows.find(hook.workspace, name))
        if job is None or not may_cancel(job, owner):
            return ""
        problem = run(intent.cancel(hook.workspace, job, reason))
    except AzureMLError as error:
        hook.log.error("Job %s could not be cancelled and may still run: %s", name, error)
        return str(error)
    hook.log.info("Asked Azure to cancel job %s (%s)", name, reason)
    if problem:
        hook.log.warning("The cancelled job could not be marked as cancelled by Airflow: %s", problem)
    return ""


def cancel_at_once(hook: AzureMLHook, name: str, owner: str) -> None:
    """The same inside the handler of SIGTERM, which has no time for patience."""
    with hook.new_driver(retry=AT_ONCE) as driver:
        cancel(hook, name, owner, "killed", driver.run)
