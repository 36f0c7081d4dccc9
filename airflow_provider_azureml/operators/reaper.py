# SPDX-License-Identifier: Apache-2.0
"""Cancelling jobs that no task answers for any more (the work stands in `hooks/reaping.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_azureml.operators.base import AzureMLBaseOperator


class AzureMLReaperOperator(AzureMLBaseOperator):
    """Find the living jobs of this Airflow whose task is over or gone; with `dry_run=False`, cancel them.

    Airflow gives no hook when a DAG run is deleted while the triggerer is down, or when the triggerer
    dies between a clear and its notice. Run this on a schedule, and such a job costs one period at most.

    Only jobs are looked at that carry this Airflow's `[azureml] deployment_id` and marks that fit
    together. A job stays when Airflow does not say how its task is, when its task may still run, when it
    was allowed to outlive its task (`wait_for_completion=False`, `cancel_on_kill=False`), and while it is
    new. Cancelling is marked on the job (`airflow.cancel: reaped`). A second pass finds nothing to do.

    The result (XCom) is `{"dry_run", "checked", "due", "cancelled", "ended", "failed", "left", "unknown"}`, counts
    of jobs. The task fails when a job could not be cancelled, after it has tried all of them.

    :param azureml_conn_id: the connection to look and to cancel with; one workspace per task.
    :param dry_run: True (default) only says in the log what would be cancelled.
    :param grace: seconds for which nothing is done about a new job, or about one whose task just ended.
    :param access: `explain` (default) appends cause and mend to errors about access; `off` does not.
    """

    template_fields: Sequence[str] = ("azureml_conn_id",)
    ui_color = "#f4e4e0"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        dry_run: bool = True,
        grace: float = 300.0,
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(azureml_conn_id=azureml_conn_id, access=access, **kwargs)
        self.is_dry_run = dry_run
        self.grace = grace

    def perform(self, context: Any) -> dict[str, Any]:
        """One pass."""
        from airflow_provider_azureml.operators.reaping import reap

        return reap(self, context)
