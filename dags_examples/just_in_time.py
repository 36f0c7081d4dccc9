# SPDX-License-Identifier: Apache-2.0
"""Access for the time of a run: granted beside the work that comes before, revoked whatever happens.

The job's own identity holds nothing between two runs. The broker (`[azureml] broker_conn_id`) grants it
what the job reads while the data is still being landed, so that Azure's delay costs nothing; the teardown
revokes it, after a failure too; the reaper ends what a dead scheduler left: docs/how-to/just-in-time.md.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.sdk import DAG, task

from airflow_provider_azureml.operators.grant import (
    AzureMLGrantAccessOperator,
    AzureMLRevokeAccessOperator,
)
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

GROUP = "/subscriptions/{{ var.value.subscription_id }}/resourceGroups/nightly"
LAKE = GROUP + "/providers/Microsoft.Storage/storageAccounts/nightlylake/blobServices/default/containers/"
RUN_IDENTITY = "{{ var.value.run_identity_train_object_id }}"

with DAG(
    dag_id="just_in_time",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    doc_md=__doc__,
) as dag:

    @task
    def land() -> None:
        """Stands for what comes before the job."""

    grant = AzureMLGrantAccessOperator(
        task_id="grant",
        grants=[
            {"principal_id": RUN_IDENTITY, "role": "Storage Blob Data Reader", "scope": LAKE + "features"},
            {"principal_id": RUN_IDENTITY, "role": "Storage Blob Data Contributor", "scope": LAKE + "models"},
        ],
        valid_for=2 * 3600,
        deferrable=True,
        retries=2,
    ).as_setup()
    train = AzureMLRunJobOperator(
        task_id="train",
        azureml_conn_id="azureml_train",
        job="jobs/train.yml",
        identity={"type": "managed", "client_id": "{{ var.value.run_identity_train }}"},
        deferrable=True,
        retries=1,
    )
    revoke = AzureMLRevokeAccessOperator(task_id="revoke", granted=grant.output, retries=3).as_teardown(
        setups=grant
    )
    [land(), grant] >> train >> revoke
