# SPDX-License-Identifier: Apache-2.0
"""The reaper in an Airflow of its own: jobs by real submits, task states in a real metadata database.

Prints what each pass said, and how the jobs were, as JSON behind `FOUND `. Needs AIRFLOW_HOME (an empty
folder), the demo's connections and the sandbox's variables. Runs on Airflow 3 and on 2.11.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow import __version__ as airflow_version
from airflow.models.taskinstance import TaskInstance
from airflow.utils import db
from airflow.utils.session import create_session

from airflow_provider_azureml.cli.console import main as command_line
from airflow_provider_azureml.compat import BaseOperator, TaskDeferred
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.reaper import AzureMLReaperOperator
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Job
from tests.airflow.run_dag import DAG, register

CONNECTION = "azureml_train"
IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
STATES = ["running", "failed", "success", "deferred", None, "up_for_retry", "removed", "queued"]
BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Nothing(BaseOperator):
    """A task that does nothing: its instance is what matters."""

    def __init__(self, number: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def execute(self, context: Any) -> None:
        """Nothing."""


def airflow() -> str:
    """A database with one DAG and one run of it, whose mapped task has one instance per state."""
    db.initdb()
    with DAG(dag_id="work", schedule=None, start_date=BEGAN) as dag:
        Nothing.partial(task_id="train").expand(number=list(range(len(STATES))))
    known(dag)
    run_id: str = dag.test().run_id
    with create_session() as session:
        for instance in session.query(TaskInstance).filter_by(dag_id="work", task_id="train"):
            instance.state = STATES[instance.map_index]
    return run_id


def known(dag: Any) -> None:
    """Put the DAG into the database, as a scheduler's parse does."""
    register(dag)
    if airflow_version.startswith("2."):
        dag.sync_to_db()


def submit(run_id: str, map_index: int, dag_id: str = "work", **options: Any) -> str:
    """Run a job as that task instance would, and leave it in the moment in which it would be waited for."""
    job = {"type": "command", "command": "sleep 300", "environment": IMAGE}
    options = {"azureml_conn_id": CONNECTION, "deferrable": True, **options}
    task = AzureMLRunJobOperator(task_id="train", job=job, **options)
    place = {"dag_id": dag_id, "task_id": "train", "run_id": run_id, "map_index": map_index}
    state = {"try_number": 1, "max_tries": 0, "start_date": datetime.now(timezone.utc)}
    ti = SimpleNamespace(**place, **state, xcom_push=lambda key, value: None)
    with contextlib.suppress(TaskDeferred):
        task.execute({"ti": ti})
    assert task.owned_job is not None
    return task.owned_job[0]


def look(name: str) -> Job:
    hook = AzureMLHook(CONNECTION)
    return hook.run(job_flows.get(hook.workspace, name))


def reap(*words: str) -> dict[str, Any]:
    """A pass from the command line: its output and its exit code."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = command_line(["reap", "--conn-id", CONNECTION, *words])
    return {"said": said.getvalue().splitlines(), "code": code}


def reap_in_a_task() -> dict[str, Any]:
    """A pass of the example's task, in a run of its DAG."""
    dag = example()
    dag.task_dict["reap"].grace = 0.0
    known(dag)
    run = dag.test()
    with create_session() as session:
        (task,) = run.get_task_instances(session=session)
        return {"state": task.state, "result": task.xcom_pull(task_ids="reap", session=session)}


def example() -> Any:
    """The DAG of `dags_examples`; the same by hand where `airflow.sdk` does not exist."""
    if not airflow_version.startswith("2."):
        path = Path(__file__).parents[3] / "dags_examples" / "reaper.py"
        spec = importlib.util.spec_from_file_location("reaper", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.dag
    with DAG(dag_id="azureml_reaper", schedule=None, start_date=BEGAN) as dag:
        AzureMLReaperOperator(task_id="reap", azureml_conn_id=CONNECTION, dry_run=False)
    return dag


def main() -> None:
    run_id = airflow()
    found: dict[str, Any] = {"airflow": airflow_version}
    names = {str(state): submit(run_id, index) for index, state in enumerate(STATES)}
    names["deleted run"] = submit("deleted", -1)
    names["shrunk mapping"] = submit(run_id, len(STATES))
    names["unknown dag"] = submit("deleted", -1, dag_id="elsewhere")
    names["detached"] = submit("deleted too", -1, wait_for_completion=False)
    hook = AzureMLHook(CONNECTION)
    hook.run(intent.tag(hook.workspace, look(names["queued"]), {intent.CANCEL_TAG: "killed"}))
    own = os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"]
    os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = f"{own}-another"
    names["another deployment"] = submit("deleted", -1)
    os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = own

    def states() -> dict[str, list[str]]:
        jobs = {label: look(name) for label, name in names.items()}
        return {label: [job.status, job.tags.get(intent.CANCEL_TAG, "")] for label, job in jobs.items()}

    found["names"] = names
    found["young"] = reap("--yes")
    found["dry"] = reap("--grace", "0")
    found["before"] = states()
    found["acted"] = reap("--grace", "0", "--yes")
    found["after"] = states()
    found["again"] = reap("--grace", "0", "--yes")
    names["deleted again"] = submit("deleted again", -1)
    found["task"] = reap_in_a_task()
    found["after task"] = states()
    found["task again"] = reap_in_a_task()
    sys.stdout.write("\nFOUND " + json.dumps(found, default=str) + "\n")


if __name__ == "__main__":
    main()
