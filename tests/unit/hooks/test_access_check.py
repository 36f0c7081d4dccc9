# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.row import Row
from airflow_provider_azureml.hooks.access_check import Comparison
from airflow_provider_azureml.hooks.dag_folder import DagFolder, Task
from tests.unit.access.manifests import SOUND, TRAIN, changed
from tests.unit.access.test_survey import azure

DAGS = Path(__file__).parents[3] / "dags_examples"
NAME = str(DAGS / "access.yaml")
TASK = Task(
    "nightly",
    "train",
    DAGS,
    frozenset({"AzureMLRunJobOperator"}),
    "azureml_train",
    fields={"job": "jobs/train.yml"},
)


def rows(content: Mapping[str, Any] = SOUND, folder: DagFolder | None = None) -> list[Row]:
    hook: Any = azure()
    hook.settings = SimpleNamespace(tenant_id="")
    hook.identity = lambda: SimpleNamespace(tenant_id="tenant-of-the-token")
    return Comparison(load(content, NAME), hook, folder).rows()


def folder(*tasks: Task, **connection: str) -> DagFolder:
    return DagFolder(
        tasks, {"azureml_train": {"client_id": "app", **connection}}, {"bad.py": "Boom\nNameError: x"}
    )


def test_without_dags_the_manifests_definitions_are_compiled_as_its_run_identity() -> None:
    whats = [row.what for row in rows()]
    assert "jobs/train.yml submits and watches the job" in whats
    assert any(what.startswith("jobs/train.yml input 'features' reads") for what in whats)


def test_a_definition_that_is_not_there_is_a_finding_with_its_reason() -> None:
    (found,) = [
        row for row in rows(changed(f"{TRAIN}/jobs", ["jobs/none.yml"])) if row.what == "jobs/none.yml"
    ]
    assert (found.state, "does not exist" in found.reason or "is no file" in found.reason) == (
        "UNKNOWN",
        True,
    )


def test_with_dags_the_tasks_count_and_the_connections_are_compared() -> None:
    found = {row.what: row for row in rows(folder=folder(TASK))}
    assert "train submits and watches the job" in found
    assert found["connection 'azureml_train'"].state == "OK"
    other = {row.what: row for row in rows(folder=folder(TASK, client_id="somebody"))}
    assert other["connection 'azureml_train'"].state_text == "MISMATCH(client_id)"
    broken = {row.what: row for row in rows(folder=folder(TASK, problem="no auth"))}
    assert broken["connection 'azureml_train'"].reason == "no auth"


def test_tasks_without_an_identity_and_files_that_do_not_import_are_findings() -> None:
    stranger = Task("other", "t", DAGS, TASK.classes, "azureml_train", fields=TASK.fields)
    found = {row.what: (row.state, row.reason) for row in rows(folder=folder(stranger))}
    assert found["task other.t"] == ("MISSING", "no identity of the manifest has this task")
    assert found["bad.py"] == ("UNKNOWN", "it cannot be imported: NameError: x")


def test_what_code_does_is_the_manifests_word_and_other_notes_are_findings() -> None:
    content = changed(f"{TRAIN}/tasks", ["nightly.train", "nightly.land"])
    land = Task(
        "nightly", "land", DAGS, frozenset(), calls=("AzureDataLakeHook",), connections=("azureml_train",)
    )
    mapped = Task("nightly", "train", DAGS, TASK.classes, "azureml_train", is_mapped=True, fields=TASK.fields)
    problems = [row.reason for row in rows(content, folder(land, mapped)) if row.what in ("land", "train")]
    assert problems == ["it is mapped: what each instance reads and writes is only known at run time"]
