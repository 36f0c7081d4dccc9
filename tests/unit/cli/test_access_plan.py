# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.access.needs import needs_of_operator
from airflow_provider_azureml.cli.access_plan import cells, lines
from airflow_provider_azureml.cli.console import main
from airflow_provider_azureml.hooks.dag_folder import Task
from airflow_provider_azureml.hooks.task_needs import TaskNeeds
from tests.unit.access.places import FACTS

NEEDS = TaskNeeds(
    Task("d", "t", Path("/dags"), frozenset(), "c"),
    wanted=needs_of_operator("AzureMLRegisterModelOperator", FACTS),
    notes=["look"],
)


def test_what_one_role_gives_is_one_line_and_each_note_is_another() -> None:
    need, note = lines(NEEDS)
    assert (need["role"], len(need["actions"]), note["doubt"]) == ("AML Model Registrar", 5, "look")
    assert cells(need)[2:6] == ("submitter", "AML Model Registrar", "workspace:nightly", "5")
    assert cells(note)[-1] == "(look)"


def test_a_folder_that_is_not_there_is_no_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["access", "plan", "/nowhere"]) == 2
    assert "'/nowhere' does not exist" in capsys.readouterr().err
