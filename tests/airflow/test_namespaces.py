# SPDX-License-Identifier: Apache-2.0
"""Two DAGs that cross namespaces do not import, in the installed Airflow and in 2.11; `pytest -s` shows why.

What a template or a function hides from the parse is refused when the task runs, before any request.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GUID = "11111111-2222-3333-4444-555555555555"
NAMESPACES = """
ml:
  dags: [churn, hidden]
  connections: [azureml_train]
  datastores: [features, models]
batch:
  dags: [sales]
  task_groups: [mixed.load]
  connections: [azureml_prep]
  datastores: [raw, features]
"""
HEAD = """
from datetime import datetime
try:
    from airflow.sdk import DAG, TaskGroup, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task
    from airflow.utils.task_group import TaskGroup
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
START = {"schedule": None, "start_date": datetime(2026, 1, 1)}
JOB = {"type": "command", "command": "true", "environment": "azureml:e:1"}
"""
FILES = {
    "churn.py": """
with DAG("churn", **START):
    AzureMLRunJobOperator(task_id="train", azureml_conn_id="azureml_prep", job=JOB)
""",
    "sales.py": """
with DAG("sales", **START):
    inputs = {"model": "azureml://datastores/models/paths/{{ ds }}"}
    AzureMLRunJobOperator(task_id="prep", azureml_conn_id="azureml_prep", job=JOB, inputs=inputs)
    AzureMLRunJobOperator(task_id="score", azureml_conn_id="azureml_train", job=JOB)
""",
    "mixed.py": """
with DAG("mixed", **START):
    with TaskGroup("load"):
        AzureMLRunJobOperator(task_id="prep", azureml_conn_id="azureml_prep", job=JOB)
""",
    "hidden.py": """
with DAG("hidden", **START):
    AzureMLRunJobOperator(task_id="templated", azureml_conn_id="{{ var.value.batch }}", job=JOB)
    inputs = {"raw": {"type": "uri_folder", "path": "azureml://datastores/{{ var.value.store }}/paths/x"}}
    AzureMLRunJobOperator(task_id="place", azureml_conn_id="azureml_train", job=JOB, inputs=inputs)

    @task
    def direct():
        AzureMLHook("azureml_prep").settings

    @task
    def own():
        return AzureMLHook("azureml_train").settings.auth

    direct()
    own()
""",
}


def connection() -> str:
    """One that could sign in, if anybody asked it to."""
    extra = {"auth": "managed_identity", "client_id": GUID, "subscription_id": GUID}
    place = {"resource_group": "rg", "workspace_name": "ws"}
    return json.dumps({"conn_type": "azureml", "extra": {**extra, **place}})


@pytest.fixture(scope="module", params=["installed", "2.11"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What one Airflow made of the files, and everything that it logged."""
    python = sys.executable if request.param == "installed" else os.environ.get("AIRFLOW_2_PYTHON")
    assert python is not None, "AIRFLOW_2_PYTHON is not set; run the tests with `make test`"
    home = tmp_path_factory.mktemp("airflow")
    for folder in ("dags", "config"):
        (home / folder).mkdir()
    for name, text in FILES.items():
        (home / "dags" / name).write_text(HEAD + text)
    (home / "namespaces.yaml").write_text(NAMESPACES)
    settings = "from airflow_provider_azureml.policy import dag_policy\n"
    (home / "config" / "airflow_local_settings.py").write_text(settings)
    environment = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__AZUREML__NAMESPACES": str(home / "namespaces.yaml"),
        "AIRFLOW_CONN_AZUREML_TRAIN": connection(),
        "AIRFLOW_CONN_AZUREML_PREP": connection(),
        "AIRFLOW_VAR_BATCH": "azureml_prep",
        "AIRFLOW_VAR_STORE": "raw",
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    answer = subprocess.run(
        [python, str(HERE / "cross_namespaces.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-4000:]
    return {**json.loads(answer.stdout.splitlines()[-1]), "log": answer.stdout}


def test_two_dags_that_cross_namespaces_do_not_import(outcome: Mapping[str, Any]) -> None:
    assert outcome["dags"] == ["hidden", "mixed"]
    assert sorted(outcome["errors"]) == ["churn.py", "sales.py"]
    for text in outcome["errors"].values():
        sys.stdout.write(f"\nAirflow {outcome['airflow']}: {text}\n")


def test_the_import_error_says_what_why_and_the_mend(outcome: Mapping[str, Any]) -> None:
    assert (
        "Task 'train' of DAG 'churn' is in namespace 'ml' (dags: churn), but its azureml_conn_id 'azureml_prep' "
        "belongs to 'batch' (connections: azureml_prep). Namespaces must not mix: whoever works for both can do "
        "what either may. Mend: use one of your own (azureml_train), or name the task ('tasks: [churn.train]') in "
        "'batch'."
    ) in outcome["errors"]["churn.py"]
    both = outcome["errors"]["sales.py"]
    assert "DAG 'sales' crosses the namespaces of this Airflow ([azureml] namespaces):" in both
    assert "its azureml_conn_id 'azureml_train' belongs to 'ml'" in both
    assert "its job's datastore 'models' belongs to 'ml'" in both


def test_what_was_hidden_is_refused_when_the_task_runs(outcome: Mapping[str, Any]) -> None:
    log = outcome["log"]
    assert outcome["tasks"] == {
        "templated": "failed",
        "place": "failed",
        "direct": "failed",
        "own": "success",
    }
    for task in ("templated", "direct"):
        assert (
            f"Task '{task}' of DAG 'hidden' is in namespace 'ml' (dags: hidden), but its connection 'azureml_prep' belongs to"
            in log
        )
    assert (
        "Task 'place' of DAG 'hidden' is in namespace 'ml' (dags: hidden), but its job's datastore 'raw' belongs to"
        in log
    )


def test_the_page_has_its_places_in_the_ui_and_2_11_loads_the_plugin_without_any(
    outcome: Mapping[str, Any],
) -> None:
    is_old = outcome["airflow"].startswith("2.")
    assert outcome["places"] == ([] if is_old else ["nav", "dag_run"])
