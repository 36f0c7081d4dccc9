# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.plugin.inventory import TaskUse, tasks_of

OPERATOR = "AzureMLRunJobOperator"


def serialized(dag: DAG) -> Any:
    """As Airflow's database holds it."""
    return LazyDeserializedDAG.from_dag(dag).data


@pytest.fixture
def dag() -> DAG:
    return DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc))


def test_a_task_is_listed_with_its_connection_and_the_name_of_its_definition(dag: DAG) -> None:
    AzureMLRunJobOperator(task_id="a", azureml_conn_id="aml", job="/dags/jobs/train.yml", dag=dag)
    AzureMLRunJobOperator(task_id="b", azureml_conn_id="{{ var.value.c }}", job={"command": "x"}, dag=dag)
    assert tasks_of("d", serialized(dag)) == [
        TaskUse("d", "a", OPERATOR, "aml", "train.yml"),
        TaskUse("d", "b", OPERATOR, "{{ var.value.c }}"),
    ]


def test_a_mapped_task_is_listed_with_its_fixed_connection(dag: DAG) -> None:
    partial = AzureMLRunJobOperator.partial(task_id="m", azureml_conn_id="aml", dag=dag)
    partial.expand(job=["a.yml", "b.yml"])
    assert tasks_of("d", serialized(dag)) == [TaskUse("d", "m", OPERATOR, "aml")]


@pytest.mark.parametrize("job", ["echo secret", "{{ var.value.secret }}.yml", "https://x/?sig=secret"])
def test_of_a_job_nothing_but_a_file_name_is_taken(dag: DAG, job: str) -> None:
    AzureMLRunJobOperator(task_id="a", azureml_conn_id="aml", job=job, dag=dag)
    assert tasks_of("d", serialized(dag))[0].job == ""


@pytest.mark.parametrize(
    "data", [{}, {"dag": {}}, {"dag": {"tasks": [None, {}, {"__var": {"azureml_conn_id": 3}}]}}]
)
def test_what_is_no_task_of_ours_is_passed_over(data: dict[str, Any]) -> None:
    assert tasks_of("d", data) == []
