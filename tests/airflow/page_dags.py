# SPDX-License-Identifier: Apache-2.0
"""DAGs for the page: one whose job Azure refuses, one that is full of secrets, and enough to fill a screen."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from airflow.sdk import DAG

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.airflow.page_report import STEPS, connection_of

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
RAW = "azureml://datastores/raw/paths/flights"
CANARY = os.environ["PAGE_CANARY"]

with DAG("delay_report", schedule=None, start_date=START):
    AzureMLRunJobOperator(
        task_id="summarize",
        azureml_conn_id="azureml_train",
        job={
            "type": "command",
            "command": "ls ${{inputs.raw}}",
            "environment": IMAGE,
            "inputs": {"raw": {"type": "uri_folder", "path": RAW, "mode": "download"}},
        },
        identity={"type": "managed", "client_id": "{{ var.value.run_identity_train }}"},
        poll_interval=1,
    )

with DAG("secrets", schedule=None, start_date=START, description=CANARY):
    AzureMLRunJobOperator(
        task_id="leaky",
        azureml_conn_id="azureml_secret",
        job={
            "type": "command",
            "command": f"echo {CANARY}",
            "environment": IMAGE,
            "environment_variables": {"MODE": CANARY},
            "inputs": {
                "raw": {
                    "type": "uri_file",
                    "path": f"https://nightlylake.blob.core.windows.net/raw/x?sig={CANARY}",
                }
            },
        },
        params={"token": CANARY},
        doc_md=CANARY,
    )

for name, steps in STEPS.items():
    with DAG(name, schedule=None, start_date=START):
        for step in steps:
            AzureMLRunJobOperator(task_id=step, azureml_conn_id=connection_of(step), job=f"jobs/{step}.yml")
