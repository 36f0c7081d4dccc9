# SPDX-License-Identifier: Apache-2.0
"""The example's DAG by `dag.test()`, again and again: one line of JSON for each line that is read.

Needs AIRFLOW_HOME, AIRFLOW__CORE__DAGS_FOLDER and the demo's connections. Prints `STATES {...}`: how tasks ended.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.utils import db
from airflow.utils.session import create_session

from tests.airflow.run_dag import register


def ends(dag: Any) -> dict[str, str]:
    """Task -> state."""
    run = dag.test()
    with create_session() as session:
        found = run.get_task_instances(session=session)
        return {ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in found}


def main(folder: str) -> None:
    db.initdb()
    logging.getLogger().setLevel(logging.WARNING)
    dag = DagBag(folder).dags["nightly_retraining"]
    for task in dag.tasks:
        task.retries = 0  # a denial is a denial the second time, too
    register(dag)
    for _ in sys.stdin:
        sys.stdout.write("\nSTATES " + json.dumps(ends(dag)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
