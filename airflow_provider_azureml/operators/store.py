# SPDX-License-Identifier: Apache-2.0
"""What a try leaves in Airflow's task state store (3.3 and later) for people, and for the next try.

The job's name is there to be seen only: the next try derives it (design D2). A cancel that did not reach
Azure, or left no trace there, is the one thing that the next try reads.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_azureml.compat import leave_in_task_store, task_store_value
from airflow_provider_azureml.errors import ServiceError

JOB = "azureml_job"
"""Key: `{"name", "attempt", "studio_url"}` of the task's job."""
CANCEL = "azureml_cancel"
"""Key: `{"name", "reason", "at"}` of a job that should have been cancelled."""
AT_MOST = 0.7
"""Seconds for which the handler of SIGTERM waits for the store."""


def show_job(
    context: Mapping[str, Any], name: str, attempt: int, studio_url: str, log: logging.Logger
) -> None:
    """Let people see which job is the task's."""
    _leave(context, JOB, {"name": name, "attempt": attempt, "studio_url": studio_url}, log)


def wish_cancel(context: Mapping[str, Any], name: str, reason: str, log: logging.Logger) -> None:
    """Leave word that this job is to end, or was ended by us; inside the handler of SIGTERM.

    In a thread: the interrupted code may be in the middle of a message to Airflow, which this one waits for.
    """
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    value = {"name": name, "reason": reason, "at": at}
    thread = threading.Thread(target=_leave, args=(context, CANCEL, value, log), daemon=True)
    thread.start()
    thread.join(AT_MOST)


def wished_cancel(context: Mapping[str, Any], log: logging.Logger) -> str:
    """The name of the job that an earlier try could not cancel, or not mark as cancelled; empty for none."""
    try:
        value = task_store_value(context, CANCEL)
    except ServiceError as error:
        log.warning("%s: whether a cancel is outstanding is not known", error.message)
        return ""
    return str(value.get("name", "")) if isinstance(value, Mapping) else ""


def unwish_cancel(context: Mapping[str, Any], log: logging.Logger) -> None:
    """Take the word back: the job of that name is this try's own now."""
    _leave(context, CANCEL, {}, log)


def _leave(context: Mapping[str, Any], key: str, value: Mapping[str, Any], log: logging.Logger) -> None:
    try:
        leave_in_task_store(context, key, value)
    except ServiceError as error:
        log.warning("%s: %s is not kept there", error.message, key)
