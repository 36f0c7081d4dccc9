# SPDX-License-Identifier: Apache-2.0
"""Every quarter of an hour: cancel the Azure ML jobs of this Airflow that no task answers for any more.

Such jobs are rare: a DAG run that was deleted while the triggerer was down, a task that was cleared in
the second in which the triggerer died. Nothing in Airflow tells anybody about them, and they bill on.
One such DAG per workspace is enough; how to start with it: docs/how-to/reap.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_azureml.operators.reaper import AzureMLReaperOperator

with DAG(
    dag_id="azureml_reaper",
    schedule=timedelta(minutes=15),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
) as dag:
    AzureMLReaperOperator(
        task_id="reap",
        azureml_conn_id="azureml_train",
        dry_run=False,
        grace=300,
        retries=2,
        execution_timeout=timedelta(minutes=10),
    )
