# SPDX-License-Identifier: Apache-2.0
"""How other providers do it: submit under a name that nobody could derive, then remember it.

The calibration: what the harness finds here, it can find.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.outcome import conclude
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Result
from tests.reliability.world.oracle import MARKS


class NaiveOperator(AzureMLRunJobOperator):
    """Every try submits a job of its own."""

    def perform(self, context: Any, settled: int = -1) -> dict[str, Any]:
        """Submit, tell people, wait."""
        return self.finish(context, self.submit(context))

    def submit(self, context: Any) -> str:
        """A new job under a random name."""
        ti = context["ti"]
        place = (ti.dag_id, ti.run_id, ti.task_id, str(ti.map_index))
        body = {"properties": {**self.properties(), "experimentName": ti.dag_id}}
        body["properties"]["properties"] = dict(zip(MARKS, place, strict=True))
        return self.hook.run(job_flows.submit(self.hook.workspace, f"run-{uuid.uuid4()}", body)).name

    def properties(self) -> dict[str, Any]:
        """The REST body of either kind."""
        job: Any = self.job
        if "properties" in job:
            return dict(job["properties"])
        return {"jobType": "Command", "command": job["command"], "environmentId": job["environment"]}

    def finish(self, context: Any, name: str) -> dict[str, Any]:
        """Remember the job, and wait for it."""
        context["ti"].xcom_push(key="job", value=name)
        if not self.wait_for_completion:
            return Result.of(self.hook.run(job_flows.get(self.hook.workspace, name))).to_dict()
        return self.conclude(self.wait_for(context, name, "", deadline=None))

    def conclude(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The job's end is the task's."""
        return conclude(self.hook, event)


class RememberingOperator(NaiveOperator):
    """The best of them: what was remembered in the task state store is taken up while it has not failed."""

    def perform(self, context: Any, settled: int = -1) -> dict[str, Any]:
        """Take up, or submit and remember."""
        store = context["task_state_store"]
        name = store.get("job")
        if name is None or not self.is_usable(name):
            name = self.submit(context)
            store.set("job", name)
        return self.finish(context, name)

    def is_usable(self, name: str) -> bool:
        """Whether a job is alive, or has completed."""
        job = self.hook.run(job_flows.get(self.hook.workspace, name))
        return job.status not in (job_flows.FAILED, job_flows.CANCELED)
