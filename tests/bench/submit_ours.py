# SPDX-License-Identifier: Apache-2.0
"""Submit jobs with the operator, as a worker does: a script of `submit_cost.py`."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from tests.bench.submit_steps import GIVEN, report, step

with step("airflow"):
    from airflow.sdk import DAG  # noqa: F401  # every task process has loaded it already
with step("import"):
    from airflow_provider_azureml.hooks.azureml import AzureMLHook
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
    from airflow_provider_azureml.operators.submission import Submission  # noqa: F401

HOOK = AzureMLHook("azureml_bench")


def submit(job: str, run_id: str = "", number: int = 1) -> None:
    """One try of a task that does not wait."""
    task = AzureMLRunJobOperator(
        task_id="run", azureml_conn_id="azureml_bench", job=job, wait_for_completion=False
    )
    task.hook = HOOK  # one process submits all, like the other client
    task.execute(_context(run_id or str(uuid.uuid4()), number))


def _context(run_id: str, number: int) -> dict[str, Any]:
    place = {"dag_id": "bench", "task_id": "run", "run_id": run_id, "map_index": -1}
    state = {"try_number": number, "max_tries": 1, "start_date": datetime.now(timezone.utc)}
    return {"ti": SimpleNamespace(**place, **state, xcom_push=lambda key, value: None)}


def main() -> None:
    """Entry."""
    failed = str(uuid.uuid4())
    with step("cold"):
        submit(GIVEN["local"])
    for _ in range(GIVEN["times"]):
        with step("local"):
            submit(GIVEN["local"])
        with step("registered"):
            submit(GIVEN["registered"])
        with step("later, none before"):
            submit(GIVEN["registered"], number=2)
    submit(GIVEN["failing"], failed)
    time.sleep(GIVEN["pause"])
    with step("later, one has failed"):
        submit(GIVEN["failing"], failed, number=2)
    report()


if __name__ == "__main__":
    main()
