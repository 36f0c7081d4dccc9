# SPDX-License-Identifier: Apache-2.0
"""Runs operators whose input is wrong, one after the other, as a worker would; reports how each ended.

stdin: a list of cases, each ``{"name", "connection", "operator", "arguments"}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"  # lets `execute` be called outside a task process

from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.sensors.job import AzureMLJobSensor

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG


def context(task_id: str) -> dict[str, Any]:
    ti = SimpleNamespace(
        dag_id="bad_input",
        task_id=task_id,
        run_id="manual",
        map_index=-1,
        try_number=1,
        max_tries=0,
        start_date=datetime.now(timezone.utc),
        xcom_push=lambda **_: None,
    )
    return {"ti": ti, "run_id": "manual"}


def run_job(case: dict[str, Any]) -> Any:
    dag = DAG(dag_id="bad_input", schedule=None)
    dag.fileloc = str(Path.cwd() / "dag.py")
    operator = AzureMLRunJobOperator(
        task_id=case["name"], dag=dag, azureml_conn_id="azureml_case", poll_interval=0.5, **case["arguments"]
    )
    return operator.execute(context(case["name"]))


def sense(case: dict[str, Any]) -> Any:
    sensor = AzureMLJobSensor(task_id=case["name"], azureml_conn_id="azureml_case", **case["arguments"])
    return sensor.execute(context(case["name"]))


def land(case: dict[str, Any]) -> Any:
    return AzureDataLakeHook("azureml_case").upload_file("raw", "x", Path(case["arguments"]["source"]))


def secret(case: dict[str, Any]) -> Any:
    return AzureKeyVaultHook("azureml_case").get_secret(case["arguments"]["secret"])


WAYS = {"job": run_job, "sensor": sense, "lake": land, "vault": secret}


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    os.environ["AIRFLOW_CONN_AZUREML_CASE"] = json.dumps(case["connection"])
    if case["connection"] is None:
        del os.environ["AIRFLOW_CONN_AZUREML_CASE"]
    began = time.monotonic()
    try:
        result = WAYS[case["operator"]](case)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error), "seconds": time.monotonic() - began}
    return {"error": "", "text": str(result), "seconds": time.monotonic() - began}


found = {case["name"]: outcome(case) for case in json.load(sys.stdin)}
sys.stdout.write(f"\n{json.dumps(found)}\n")
