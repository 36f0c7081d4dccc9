# SPDX-License-Identifier: Apache-2.0
"""Run one DAG by `dag.test()` in a fresh Airflow, and print what came of it as JSON on the last line.

A script of its own, so that any Airflow can run it: `python run_dag.py definition.yml '{"deferrable": true}'`.
Needs AIRFLOW_HOME (an empty folder), AIRFLOW_CONN_AZUREML_DEFAULT and the sandbox's variables.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any

from airflow import __version__ as airflow_version
from airflow.utils import db
from airflow.utils.session import create_session

from airflow_provider_azureml.compat import HAS_TRIGGER_ON_KILL, task_seen
from airflow_provider_azureml.links import STUDIO_URL
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.sensors.job import AzureMLJobSensor

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG


def build(job: str, options: dict[str, Any]) -> Any:
    """The DAG: run a job, then a sensor that sees its end."""
    with DAG(dag_id="proof", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        run = AzureMLRunJobOperator(task_id="run", job=job, poll_interval=1, **options)
        deferrable = bool(options.get("deferrable"))
        run >> AzureMLJobSensor(
            task_id="seen",
            job="{{ ti.xcom_pull('run')['name'] }}",
            deferrable=deferrable,
            poll_interval=1,
            timeout=120,
        )
    return dag


def register(dag: Any) -> None:
    """What Airflow 3.1 and later want before `dag.test()`: the DAG in the database."""
    if airflow_version.startswith("2."):
        return
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        session.commit()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("dags-folder", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, bundle_name="dags-folder", session=session)
        session.commit()


def seen(ti: Any) -> list[Any] | None:
    """State and try as a triggerer of 2.11 sees them; later ones ask Airflow's API, which is not up here."""
    if not airflow_version.startswith("2."):
        return None
    sight = asyncio.run(task_seen(ti))
    return [sight.state, sight.try_number]


def main() -> None:
    """Entry."""
    db.initdb()
    logging.getLogger().setLevel(logging.INFO)  # the migration set it to WARNING: the trigger would be silent
    dag = build(sys.argv[1], json.loads(sys.argv[2]))
    register(dag)
    run = dag.test()
    with create_session() as session:
        tasks = {ti.task_id: ti for ti in run.get_task_instances(session=session)}
        outcome = {
            "airflow": airflow_version,
            "has_trigger_on_kill": HAS_TRIGGER_ON_KILL,
            "state": str(getattr(run.state, "value", run.state)),
            "seen": seen(tasks["run"]),
            "tasks": {name: str(getattr(ti.state, "value", ti.state)) for name, ti in tasks.items()},
            "result": tasks["run"].xcom_pull(task_ids="run", session=session),
            "studio_url": tasks["run"].xcom_pull(task_ids="run", key=STUDIO_URL, session=session),
        }
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
