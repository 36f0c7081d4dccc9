# SPDX-License-Identifier: Apache-2.0
"""Write deferred task instances into Airflow's database, as the API server does when a task defers.

A script of its own, since Airflow reads its configuration on import. One JSON object on stdin:
`dag_id`, `classpath` of the trigger, and `arguments`, a list with the trigger's arguments of each task.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.sdk import DAG
from airflow.sdk.serde import serialize
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
RUN, TASK = "manual", "train"


def build(dag_id: str) -> DAG:
    """One mapped task: as many deferred jobs as its upstream names."""
    with DAG(dag_id=dag_id, schedule=None, start_date=BEGIN) as dag:
        listed = AzureMLRunJobOperator(task_id="list", job="jobs/list.yml")
        mapped = AzureMLRunJobOperator.partial(task_id=TASK, job="jobs/train.yml", deferrable=True)
        mapped.expand(inputs=listed.output)
    return dag


def register(dag: DAG, session: Session) -> SerializedDAG:
    """The DAG as the DAG processor leaves it in the database."""
    DagBundlesManager().sync_bundles_to_db(session=session)
    session.commit()
    lazy = LazyDeserializedDAG.from_dag(dag)
    SerializedDAG.bulk_write_to_db("dags-folder", None, [lazy], session=session)
    SerializedDagModel.write_dag(lazy, bundle_name="dags-folder", session=session)
    session.commit()
    return SerializedDagModel.get(dag.dag_id, session=session).dag


def run_of(dag: SerializedDAG, session: Session) -> DagRun:
    """A run in which the mapped task is expanded."""
    run = dag.create_dagrun(
        run_id=RUN,
        run_after=BEGIN,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.CLI,
        state=DagRunState.RUNNING,
        session=session,
    )
    unexpanded = TaskInstance.dag_id == dag.dag_id, TaskInstance.task_id == TASK
    session.execute(delete(TaskInstance).where(*unexpanded))
    session.flush()
    return run


def defer(dag: SerializedDAG, run: DagRun, classpath: str, arguments: list[Any], session: Session) -> None:
    """Trigger and task instance of each job."""
    now, task = datetime.now(timezone.utc), dag.get_task(TASK)
    rows = [
        {"classpath": classpath, "encrypted_kwargs": json.dumps(serialize(one)), "created_date": now}
        for one in arguments
    ]
    triggers = session.scalars(insert(Trigger).returning(Trigger.id), rows).all()
    version = DagVersion.get_latest_version(dag.dag_id, session=session)
    same = TaskInstance.insert_mapping(RUN, task, 0, dag_version_id=version.id, dag_run=run)
    deferred = {
        "state": TaskInstanceState.DEFERRED,
        "try_number": 1,
        "start_date": now,
        "next_method": "resume",
        "next_kwargs": {},
    }
    tasks = [
        {**same, **deferred, "map_index": number, "trigger_id": trigger}
        for number, trigger in enumerate(triggers)
    ]
    session.bulk_insert_mappings(TaskInstance, tasks)


def main() -> None:
    """Entry."""
    wanted = json.load(sys.stdin)
    with create_session() as session:
        dag = register(build(wanted["dag_id"]), session)
        run = run_of(dag, session)
        defer(dag, run, wanted["classpath"], wanted["arguments"], session)


if __name__ == "__main__":
    main()
