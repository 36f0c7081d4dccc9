# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.access.facts import WorkspaceFacts
from airflow_provider_azureml.access.needs import BLOBS
from airflow_provider_azureml.hooks.dag_folder import Task
from airflow_provider_azureml.hooks.task_needs import TaskNeeds, needs_of_task
from tests.unit.access.places import FACTS, TRAIN, VAULT

DAGS = Path(__file__).parents[3] / "dags_examples"
RUN, ROTATE = frozenset({"AzureMLRunJobOperator"}), frozenset({"AzureMLRotateSecretOperator"})
AS_TRAIN = {"type": "managed", "client_id": TRAIN.client_id}


def needs(classes: frozenset[str] = RUN, facts: WorkspaceFacts | None = FACTS, **fields: Any) -> TaskNeeds:
    fields = {"job": "jobs/prep.yml", "identity": AS_TRAIN, **fields}
    task = Task("d", "t", DAGS, classes, "c", fields=fields)
    found = needs_of_task(task, facts, FACTS.vaults, "https://NightlyVault.vault.azure.net")
    assert found is not None
    return found


def test_a_definition_is_compiled_with_the_tasks_own_arguments() -> None:
    found = needs(inputs={"raw": "azureml://datastores/raw/paths/other/{{ ds }}"})
    paths = {each.need.attributes.get("path") for each in found.wanted if each.need.action == f"{BLOBS}/read"}
    assert "other/" in paths
    assert (found.run, found.job, found.notes) == (TRAIN.client_id, DAGS / "jobs/prep.yml", [])


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"inputs": {"raw": "{{ params.uri }}"}}, "inputs.raw is only known at run time: {{ params.uri }}"),
        (
            {"outputs": {"features": {"path": "{{ x }}"}}},
            "outputs.features is only known at run time: {{ x }}",
        ),
        ({"identity": {"client_id": "{{ var.value.none }}"}}, "its run identity is only known at run time"),
        ({"job": "{{ params.job }}.yml"}, "its job definition is only known at run time"),
        ({"job": "jobs/none.yml"}, "cannot be compiled here"),
        ({"job": {"type": "command"}}, "field 'command': is missing"),
    ],
)
def test_what_only_the_run_knows_is_noted_for_a_person(fields: dict[str, Any], note: str) -> None:
    assert any(note in each for each in needs(**fields).notes)


def test_a_job_whose_access_is_off_is_meant_to_be_refused() -> None:
    assert needs(access="off").is_ungranted
    assert not needs().is_ungranted


def test_a_connection_without_a_workspace_is_noted() -> None:
    assert needs(facts=None).notes == ["its connection could not be read, or names no workspace"]
    sensor = needs(frozenset({"AzureMLJobSensor"}), None)
    assert (sensor.wanted, sensor.notes) == ([], ["its connection names no workspace"])


def test_a_rotation_needs_the_secret_in_its_own_vault_or_the_connections() -> None:
    scopes = {each.need.scope for each in needs(ROTATE, None, secret_name="app").wanted}
    assert scopes == {f"{VAULT}/secrets/app"}
    other = needs(ROTATE, None, secret_name="app", vault_url="https://none.vault.azure.net")
    assert all(each.doubt for each in other.wanted)


def test_code_is_left_to_a_person_and_what_is_not_ours_is_nothing() -> None:
    task = Task("d", "t", DAGS, frozenset({"PythonOperator"}), calls=("AzureDataLakeHook", "upload_file"))
    found = needs_of_task(task, FACTS, {})
    assert found is not None
    assert "calls AzureDataLakeHook, upload_file" in found.notes[0]
    assert needs_of_task(Task("d", "t", DAGS, frozenset({"BashOperator"})), FACTS, {}) is None


def test_a_mapped_task_is_noted() -> None:
    task = Task("d", "t", DAGS, RUN, "c", is_mapped=True, fields={"job": "jobs/train.yml"})
    found = needs_of_task(task, FACTS, {})
    assert found is not None
    assert "it is mapped" in found.notes[0]
