# SPDX-License-Identifier: Apache-2.0
"""What a DAG says of itself; that Airflow refuses it is proven in tests/airflow/test_namespaces.py."""

from __future__ import annotations

import inspect
import json
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import AirflowClusterPolicyViolation
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_azureml import policy
from airflow_provider_azureml.access.namespace import Use
from airflow_provider_azureml.hooks.namespace import read_namespaces
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.policy import crossings, dag_policy, uses_of
from airflow_provider_azureml.spec.document import parse_yaml

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SPACES = {
    "ml": {"dags": ["churn"], "connections": ["azureml_train"], "datastores": ["models"]},
    "batch": {"dags": ["nightly"], "connections": ["azureml_prep"], "datastores": ["raw"]},
}


@pytest.fixture
def dag() -> DAG:
    return DAG("nightly", schedule=None, start_date=START)


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__NAMESPACES", json.dumps(SPACES))


def uses(task: object) -> set[tuple[str, str, str]]:
    return {(use.kind, use.value, use.field) for use in uses_of(task)}


def test_connection_queue_and_places_of_a_job_are_seen(dag: DAG, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text(
        "compute: azureml:gpu\ninputs: {a: {path: azureml://datastores/raw/paths/x}}"
    )
    dag.fileloc = str(tmp_path / "dag.py")
    inputs = {"b": "abfss://c@lake.dfs.core.windows.net/x", "c": "azureml://datastores/{{ x }}/paths"}
    task = AzureMLRunJobOperator(
        task_id="t", azureml_conn_id="azureml_prep", job="job.yml", inputs=inputs, queue="spark", dag=dag
    )
    assert uses(task) == {
        ("connections", "azureml_prep", "azureml_conn_id"),
        ("queues", "spark", "queue"),
        ("compute", "gpu", "job's compute"),
        ("datastores", "raw", "job's datastore"),
        ("containers", "lake/c", "job's container"),
    }


def test_a_template_is_left_to_the_moment_of_execution(dag: DAG) -> None:
    task = AzureMLRunJobOperator(task_id="t", azureml_conn_id="{{ var.value.c }}", job="{{ x }}.yml", dag=dag)
    assert uses(task) == {("queues", "default", "queue")}


def test_a_definition_that_is_not_there_is_the_operators_to_complain_about(dag: DAG) -> None:
    task = AzureMLRunJobOperator(task_id="t", azureml_conn_id="c", job="absent.yml", dag=dag)
    assert uses(task) == {("queues", "default", "queue"), ("connections", "c", "azureml_conn_id")}


def test_a_mapped_task_is_seen_with_its_fixed_and_its_mapped_arguments(dag: DAG) -> None:
    partial = AzureMLRunJobOperator.partial(task_id="t", job={"compute": "gpu"}, queue="spark", dag=dag)
    task = partial.expand(azureml_conn_id=["a", "b"])
    found = {value for kind, value, _ in uses(task) if kind in ("connections", "queues", "compute")}
    assert found == {"a", "b", "spark", "gpu"}


def test_other_connections_are_seen_and_need_not_be_listed(dag: DAG) -> None:
    task = EmptyOperator(task_id="t", dag=dag)
    task.wasb_conn_id = "lake"
    assert Use("connections", "lake", "wasb_conn_id", is_ours=False) in uses_of(task)


@pytest.mark.parametrize(
    "pod",
    [
        SimpleNamespace(spec=SimpleNamespace(service_account_name="ml")),
        {"spec": {"serviceAccountName": "ml"}},
        {"spec": {"service_account_name": "ml"}},
    ],
)
def test_the_service_account_of_the_workers_pod_is_seen(dag: DAG, pod: object) -> None:
    task = EmptyOperator(task_id="t", dag=dag, executor_config={"pod_override": pod})
    assert ("service_accounts", "ml", "executor_config pod_override.service_account_name") in uses(task)


def test_a_dag_that_crosses_is_refused_with_all_its_crossings(dag: DAG) -> None:
    AzureMLRunJobOperator(task_id="a", azureml_conn_id="azureml_train", job={}, dag=dag)
    job = {"inputs": {"m": {"path": "azureml://datastores/models/paths/x"}}}
    AzureMLRunJobOperator(task_id="b", azureml_conn_id="azureml_prep", job=job, dag=dag)
    with pytest.raises(AirflowClusterPolicyViolation) as caught:
        dag_policy(dag)
    head, *lines = str(caught.value).splitlines()
    assert head == "DAG 'nightly' crosses the namespaces of this Airflow ([azureml] namespaces):"
    assert lines[0].startswith("- Task 'a' of DAG 'nightly' is in namespace 'batch'")
    assert "job's datastore 'models' belongs to 'ml' (datastores: models)" in lines[1]


def test_a_dag_that_keeps_to_its_own_passes(dag: DAG) -> None:
    AzureMLRunJobOperator(task_id="a", azureml_conn_id="azureml_prep", job={}, dag=dag)
    dag_policy(dag)


def test_without_readable_rules_no_dag_passes(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__NAMESPACES", "/nowhere.yaml")
    with pytest.raises(
        AirflowClusterPolicyViolation, match=r"No DAG can be checked. .*'/nowhere.yaml': is no file"
    ):
        dag_policy(dag)


def test_without_namespaces_every_dag_passes(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__NAMESPACES", "")
    AzureMLRunJobOperator(task_id="a", azureml_conn_id="azureml_train", job={}, dag=dag)
    dag_policy(dag)


def test_the_hook_has_one_argument_as_2_11_wants_it() -> None:
    assert policy.__all__ == ["dag_policy"]
    assert list(inspect.signature(dag_policy).parameters) == ["dag"]


def test_the_document_of_the_guide_fits_the_example_dags() -> None:
    root = Path(__file__).parents[2]
    text = (root / "docs/how-to/namespaces.md").read_text().split("```yaml\n")[1].split("```")[0]
    spaces = read_namespaces(parse_yaml(text, "guide"), "guide")
    bag = DagBag(str(root / "dags_examples" / "nightly_retraining.py"))
    assert bag.import_errors == {}
    found = crossings(bag.dags["nightly_retraining"], spaces)
    assert [text.split(" is in ")[0] for text in found] == []
