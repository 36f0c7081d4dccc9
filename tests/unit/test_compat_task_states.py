# SPDX-License-Identifier: Apache-2.0
"""Asking Airflow for the states of a task; real answers are in tests/wire/test_reaper.py."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner

from airflow_provider_azureml import compat
from airflow_provider_azureml.compat import TaskState
from airflow_provider_azureml.errors import ServiceError


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    asked: list[Any] = []

    def send(message: Any) -> Any:
        asked.append(message)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(task_states=answer)

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    return asked


def test_an_unmapped_task_is_minus_one_and_a_mapped_one_its_index(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {"r1": {"a_1": "running"}, "r2": {"a_1_0": "failed", "a_1_12": None}})
    assert compat.task_states("d", "a_1", ["r1", "r2"]) == {
        ("r1", -1): TaskState("running"),
        ("r2", 0): TaskState("failed"),
        ("r2", 12): TaskState(""),
    }


def test_airflow_is_asked_about_one_task_so_that_no_index_is_mistaken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (asked,) = (answering(monkeypatch, {}), compat.task_states("d", "a", ["r"]))[0]
    assert (asked.dag_id, asked.task_ids, asked.run_ids, asked.map_index) == ("d", ["a"], ["r"], None)


@pytest.mark.parametrize("problem", [compat.AirflowException("no"), ConnectionResetError("gone"), EOFError()])
def test_an_airflow_that_does_not_answer_is_an_error_and_not_a_missing_task(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    answering(monkeypatch, problem)
    with pytest.raises(ServiceError, match="NoTaskState: Airflow did not say") as caught:
        compat.task_states("d", "a", ["r"])
    assert caught.value.__cause__ is problem


def test_a_refusal_of_the_execution_api_is_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    answering(monkeypatch, AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR)))
    with pytest.raises(ServiceError, match="NoTaskState"):
        compat.task_states("d", "a", ["r"])


def test_a_command_line_says_that_it_has_the_database_as_airflows_own_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    compat.use_database()
    assert os.environ["_AIRFLOW_PROCESS_CONTEXT"] == "server"


def test_the_address_of_the_database_holds_no_password() -> None:
    from airflow import settings

    assert compat.database_address().startswith(f"{settings.engine.url.get_backend_name()}://")
    assert "@" not in compat.database_address()
