# SPDX-License-Identifier: Apache-2.0
"""What the setting may be; that it is kept when a task runs is proven in tests/airflow/test_namespaces.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.access.namespace import Subject, Use
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.namespace import (
    configured_namespaces,
    read_namespaces,
    refuse_foreign,
    subject_of,
    team_of,
)

GOOD = {
    "ml": {"dags": ["churn_*"], "connections": ["azureml_train"], "containers": ["lake/models"]},
    "batch": {"tasks": ["nightly.prep"], "connections": ["azureml_prep"], "scopes": ["/subscriptions/s"]},
}


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch):
    return lambda text: monkeypatch.setenv("AIRFLOW__AZUREML__NAMESPACES", text)


def names() -> list[str]:
    return [space.name for space in configured_namespaces()]


def test_nothing_configured_is_no_namespaces(configure) -> None:
    configure("")
    assert names() == []


@pytest.mark.parametrize("text", [json.dumps(GOOD), "ml:\n  dags: [churn_*]\nbatch:\n  dags: [b]\n"])
def test_the_setting_may_be_the_document_itself(configure, text: str) -> None:
    configure(text)
    assert names() == ["ml", "batch"]


def test_the_setting_may_be_a_file_which_is_read_again_once_it_changed(configure, tmp_path: Path) -> None:
    path = tmp_path / "namespaces.yaml"
    path.write_text("one: {dags: [a]}")
    configure(str(path))
    assert names() == ["one"]
    path.write_text("two: {dags: [a]}")
    os.utime(path, ns=(1, 1))
    assert names() == ["two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("namespaces.yaml", r"is the relative path 'namespaces.yaml'. Write an absolute path"),
        ("/nowhere/namespaces.yaml", r"file '/nowhere/namespaces.yaml': is no file. Correct the path"),
        ("a: [", r"\[azureml\] namespaces: is not valid YAML"),
    ],
)
def test_a_setting_that_cannot_be_read_names_itself_and_the_mend(configure, text: str, message: str) -> None:
    configure(text)
    with pytest.raises(ConfigurationError, match=message):
        configured_namespaces()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["ml"], "it: is list. Write a mapping"),
        ({"ml": "churn"}, "it: ml: is text. Write a mapping"),
        ({"ml": {"dags": "churn"}}, "it: ml: field 'dags': is text. Write a list"),
        ({"ml": {"dags": []}}, "field 'dags': is an empty list. Remove it"),
        ({"ml": {"dags": ["a", "a"]}}, "holds the same entry twice"),
        ({"ml": {"dags": [1]}}, "holds something that is not text"),
        ({"ml": {"dags": [" "]}}, "blank or too long"),
        ({"ml": {"dags": ["a"], "queues": ["x" * 201]}}, "at most 200 letters"),
        ({"ml": {"dag": ["a"]}}, "it: ml: field 'dag': is unknown. Did you mean 'dags'?"),
        ({"ml": {"queues": ["a"]}}, "it: ml: has no members, .* Say who is in it, with one of: tasks"),
        ({"ml": {"tasks": ["train"]}}, "field 'tasks': holds 'train'. Write it as DAG.TASK."),
        ({"ml": {"dags": ["a"], "containers": ["raw"]}}, "holds 'raw'. Write it as ACCOUNT/CONTAINER."),
        ({"ml": {"dags": ["a"], "scopes": ["rg"]}}, "holds 'rg'. Write it as /subscriptions/..."),
        (
            {"ml": {"dags": ["a"], "connections": ["c_*"]}, "batch": {"dags": ["b"], "connections": ["c_1"]}},
            r"it: ml: field 'connections': holds 'c_\*', and 'batch' holds 'c_1': one name can be both. Give each",
        ),
    ],
)
def test_a_mistake_in_the_document_names_the_field_and_the_mend(content: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_namespaces(content, "it")


def test_a_task_is_seen_with_its_owners_and_all_groups_around_it() -> None:
    outermost = SimpleNamespace(group_id=None, parent_group=None)
    outer = SimpleNamespace(group_id="a", parent_group=outermost)
    inner = SimpleNamespace(group_id="a.b", parent_group=outer)
    declared = SimpleNamespace(task_group=inner)
    dag = SimpleNamespace(dag_id="d", fileloc="/dags/d.py", task_dict={"a.b.t": declared})
    task = SimpleNamespace(dag=dag, task_id="a.b.t", owner="x, y", task_group=None)
    assert subject_of(task) == Subject("d", "a.b.t", ("x", "y"), "", ("a.b", "a"))


def test_a_team_is_that_of_the_bundle_around_the_dag_file(monkeypatch: pytest.MonkeyPatch) -> None:
    bundles = [
        {"name": "plain", "kwargs": {"path": "/dags"}},
        {"name": "local", "kwargs": {"path": "/teams/ml"}, "team_name": "ml"},
        {"name": "git", "kwargs": {}, "team_name": "data"},
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", "/bundles")
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "False")
    assert team_of("/teams/ml/d.py") == ""
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    files = ("/dags/d.py", "/teams/ml/d.py", "/bundles/git/versions/1/d.py", "/teams/ml2/d.py")
    assert [team_of(file) for file in files] == ["", "ml", "data", ""]


@pytest.mark.parametrize(
    "kwargs", [{"kwargs": {}}, {"kwargs": {"refresh_interval": 5}}, {"kwargs": {"path": None}}, {}]
)
def test_a_local_bundle_without_a_path_is_the_folder_of_all_dags(
    monkeypatch: pytest.MonkeyPatch, kwargs: dict[str, Any]
) -> None:
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "dags-folder", "classpath": local, "team_name": "ml", **kwargs}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    for folder in ("/dags", "/moved"):
        monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", folder)
        assert [team_of(f"{where}/d.py") for where in ("/dags", "/moved")] == [
            "ml" * (folder == where) for where in ("/dags", "/moved")
        ]


def test_outside_of_a_task_nothing_is_refused(configure) -> None:
    configure(json.dumps(GOOD))
    refuse_foreign([Use("connections", "azureml_train", "connection")])
