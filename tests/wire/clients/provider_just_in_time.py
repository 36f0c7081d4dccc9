# SPDX-License-Identifier: Apache-2.0
"""One DAG by `dag.test()` in a fresh Airflow of any version: grant as a setup, a job that fails, revoke as a teardown.

`python provider_just_in_time.py '{"grant": {...}, "job": {...}}'`; the outcome is the last line, as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

from airflow import __version__ as airflow_version
from airflow.utils import db
from airflow.utils.session import create_session

from airflow_provider_azureml.operators.grant import AzureMLGrantAccessOperator, AzureMLRevokeAccessOperator
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.airflow.run_dag import DAG, register


def build(given: dict[str, Any]) -> Any:
    """The DAG of docs/how-to/just-in-time.md, in small."""
    with DAG(
        dag_id="just_in_time", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)
    ) as dag:
        grant = AzureMLGrantAccessOperator(task_id="grant", **given["grant"]).as_setup()
        train = AzureMLRunJobOperator(task_id="train", azureml_conn_id="azureml_train", **given["job"])
        revoke = AzureMLRevokeAccessOperator(task_id="revoke", granted=grant.output)
        grant >> train >> revoke.as_teardown(setups=grant)
    return dag


def main() -> None:
    """Entry."""
    db.initdb()
    logging.getLogger().setLevel(logging.INFO)
    dag = build(json.loads(sys.argv[1]))
    register(dag)
    run = dag.test()
    with create_session() as session:
        tasks = {ti.task_id: ti for ti in run.get_task_instances(session=session)}
        outcome = {
            "airflow": airflow_version,
            "tasks": {name: str(getattr(ti.state, "value", ti.state)) for name, ti in tasks.items()},
            "revoked": tasks["revoke"].xcom_pull(task_ids="revoke", session=session),
        }
    sys.stdout.write("\nFOUND " + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
