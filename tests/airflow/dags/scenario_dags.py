# SPDX-License-Identifier: Apache-2.0
"""The DAGs of tests/airflow/scenarios.py, and those that processes are killed under."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.sensors.job import AzureMLJobSensor
from tests.airflow.scenarios import SCENARIOS, TASK, Scenario

RELEASES = os.environ["AZML_TEST_RELEASES"]
EDITED = Path(__file__).with_name("retries_edited")
WAITS = f'until [ -e "{RELEASES}/$AZUREML_RUN_ID" ]; do sleep 0.2; done'
COMMANDS = {"waits": WAITS, "fails once": 'test "$AIRFLOW_TRY" != 1'}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
QUICKLY: dict[str, Any] = {"poll_interval": 1, "retry_delay": timedelta(seconds=1)}


def command(text: str) -> dict[str, Any]:
    image = "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"
    return {"type": "command", "command": text, "environment": {"image": image}}


def options(name: str, row: Scenario) -> dict[str, Any]:
    given = {"retries": 4, **row.options}
    if "execution_timeout" in given:
        given["execution_timeout"] = timedelta(seconds=given["execution_timeout"])
    if name == "retries_edited":
        given |= {"retries": 7 if EDITED.exists() else 4, "retry_delay": timedelta(seconds=30)}
    return QUICKLY | given


for name, row in SCENARIOS.items():
    with DAG(dag_id=name, schedule=None, start_date=START) as dag:
        AzureMLRunJobOperator(task_id=TASK, job=command(COMMANDS[row.job]), **options(name, row))

with DAG(dag_id="held", schedule=None, start_date=START) as held:
    for number in range(5):
        AzureMLRunJobOperator(task_id=f"job{number}", job=command(WAITS), deferrable=True, **QUICKLY)

with DAG(dag_id="battered", schedule=None, start_date=START, default_args={"retries": 20}) as battered:
    prep = AzureMLRunJobOperator(task_id="prep", job=command("sleep 4"), **QUICKLY)
    train = AzureMLRunJobOperator(task_id="train", job=command("sleep 6"), deferrable=True, **QUICKLY)
    seen = AzureMLJobSensor(
        task_id="seen", job="{{ ti.xcom_pull('train')['name'] }}", deferrable=True, timeout=600, **QUICKLY
    )
    prep >> train >> seen
