# SPDX-License-Identifier: Apache-2.0
"""Fill a fresh Airflow for the page: DAGs as the DAG processor would leave them, a report, two runs that Azure refused.

A script of its own: `python page_scene.py FOLDER...` parses these, the example's first; needs AIRFLOW_HOME and the
sandbox's variables.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.utils import db

from tests.airflow.page_report import check
from tests.airflow.run_dag import register

REGISTERED = "registered"
RUN = ("delay_report", "secrets")


def main() -> None:
    """Entry."""
    db.initdb()
    dags = {}
    for folder in sys.argv[1:]:
        bag = DagBag(folder)
        assert not bag.import_errors, bag.import_errors
        dags.update(bag.dags)
    for dag in dags.values():
        register(dag)
    (Path(os.environ["AIRFLOW_HOME"]) / REGISTERED).touch()  # from now on a server finds all that it needs
    check(Path(sys.argv[1]), Path(os.environ["AIRFLOW_HOME"]))
    runs = {name: dags[name].test().run_id for name in RUN}
    sys.stdout.write("\n" + json.dumps(runs) + "\n")


if __name__ == "__main__":
    main()
