# SPDX-License-Identifier: Apache-2.0
"""What a second try does about the job of the first, over real HTTP against the sandbox."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import JobCanceledError
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.wait import Cancelled, cancel
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Job

Try = Callable[..., dict[str, Any]]


def definition(command: str) -> dict[str, Any]:
    image = "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"
    return {"type": "command", "command": command, "environment": {"image": image}}


@pytest.fixture
def perform(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Try:
    """One try of one task instance, as a worker would run it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run_id = str(uuid.uuid4())

    def perform(number: int, epoch: int = 1, command: str = "sleep 2", **options: Any) -> dict[str, Any]:
        task = AzureMLRunJobOperator(task_id="t", job=definition(command), poll_interval=0.5, **options)
        began = datetime.now(timezone.utc) + timedelta(milliseconds=number)
        place = {"dag_id": "once", "task_id": "t", "run_id": run_id, "map_index": -1}
        state = {"try_number": number, "max_tries": epoch, "start_date": began}
        ti = SimpleNamespace(**place, **state, xcom_push=lambda key, value: None)
        result: dict[str, Any] = task.perform({"ti": ti})
        return result

    return perform


def look(name: str) -> Job:
    hook = AzureMLRunJobOperator(task_id="look", job={}).hook
    return hook.run(job_flows.get(hook.workspace, name))


def cancel_it(name: str, owner: str) -> None:
    hook = AzureMLRunJobOperator(task_id="cancel", job={}).hook
    assert cancel(hook, name, owner, "test") == Cancelled()


def test_a_retry_watches_the_living_job_on(perform: Try) -> None:
    first = perform(1, wait_for_completion=False)
    second = perform(2)
    assert second["name"] == first["name"]
    assert second["status"] == "Completed"


def test_a_retry_takes_a_completed_job_over(perform: Try) -> None:
    assert perform(1)["name"] == perform(2)["name"] == perform(3)["name"]


def test_a_cleared_task_runs_a_new_job(perform: Try) -> None:
    first, second = perform(1)["name"], perform(2, epoch=2)["name"]
    assert (first[-2:], second[-2:]) == ("-0", "-1")
    assert first[:-2] == second[:-2]


def test_a_cleared_task_ends_the_old_job_before_it_starts_the_new_one(perform: Try) -> None:
    first = perform(1, command="sleep 60", wait_for_completion=False)
    second = perform(2, epoch=2)
    assert look(first["name"]).status == "Canceled"
    assert second["name"].endswith("-1")
    assert second["status"] == "Completed"


def test_a_job_that_someone_else_cancelled_is_not_a_success_and_not_run_again(perform: Try) -> None:
    first = perform(1, command="sleep 60", wait_for_completion=False)
    hook = AzureMLRunJobOperator(task_id="person", job={}).hook
    hook.run(job_flows.cancel(hook.workspace, first["name"], wait=True))
    with pytest.raises(JobCanceledError):
        perform(2, command="sleep 60")


def test_a_stranger_cannot_cancel_a_job(perform: Try) -> None:
    first = perform(1, wait_for_completion=False)
    cancel_it(first["name"], "somebody-else")
    assert perform(2)["status"] == "Completed"
