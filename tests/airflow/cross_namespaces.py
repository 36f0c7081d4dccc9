# SPDX-License-Identifier: Apache-2.0
"""Parse a folder of DAG files with the cluster policy installed, run DAG `hidden`, and print both as JSON; and where the page is.

A script of its own, so that any Airflow can run it: needs AIRFLOW_HOME (with config/airflow_local_settings.py).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

from airflow import __version__ as airflow_version
from airflow import plugins_manager
from airflow.utils import db
from airflow.utils.session import create_session

from tests.airflow.run_dag import register

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag


def ends(dag: Any) -> dict[str, str]:
    """Task id -> state, after a run."""
    register(dag)
    run = dag.test()
    with create_session() as session:
        found = run.get_task_instances(session=session)
        return {ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in found}


def places() -> list[str]:
    """Where in the UI our plugin stands, as this Airflow has loaded it."""
    if airflow_version.startswith("2."):
        plugins_manager.ensure_plugins_loaded()
        plugins, errors = plugins_manager.plugins, plugins_manager.import_errors
    else:
        plugins, errors = plugins_manager._get_plugins()
    assert not errors, errors
    (ours,) = [plugin for plugin in plugins if plugin.name == "azureml"]
    return [view["destination"] for view in ours.external_views]


def main() -> None:
    """Entry."""
    db.initdb()
    logging.getLogger().setLevel(logging.INFO)
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    errors = {os.path.basename(file): text for file, text in bag.import_errors.items()}
    outcome = {"airflow": airflow_version, "dags": sorted(bag.dags), "errors": errors, "places": places()}
    sys.stdout.write("\n" + json.dumps({**outcome, "tasks": ends(bag.dags["hidden"])}) + "\n")


if __name__ == "__main__":
    main()
