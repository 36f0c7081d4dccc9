# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job that something else submitted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseSensorOperator,
)

if TYPE_CHECKING:
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

# Azure's and the trigger's words, said here again: their modules are loaded by the task, not by the parse.
COMPLETED, ENDED = "Completed", "ended"


class AzureMLJobSensor(BaseSensorOperator):
    """Wait until a job has completed. The sensor never cancels it: it is not the sensor's job.

    A job that ended otherwise fails the sensor without a retry, or skips it with `soft_fail`.

    :param azureml_conn_id: the connection to look with.
    :param job: the job's name, or the result of an AzureMLRunJobOperator (`train.output`).
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "job")
    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        job: str | Mapping[str, Any],
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poll_interval, **kwargs)
        self.azureml_conn_id = azureml_conn_id
        self.job = job
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook of this task's connection."""
        from airflow_provider_azureml.hooks.azureml import AzureMLHook

        return AzureMLHook(self.azureml_conn_id)

    @property
    def name(self) -> str:
        """The job's name, from either form of `job`."""
        return str(self.job["name"] if isinstance(self.job, Mapping) else self.job)

    def execute(self, context: Any) -> Any:
        """Airflow's entry: poke, or hand over to the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            from airflow_provider_azureml.triggers.job import AzureMLJobTrigger

            trigger = AzureMLJobTrigger(
                azureml_conn_id=self.azureml_conn_id,
                job_name=self.name,
                poll_interval=self.poll_interval,
                deadline=time.time() + float(self.timeout),
                cancel_on_kill=False,
            )
            self.defer(trigger=trigger, method_name="resume")
        return None

    def poke(self, context: Any) -> bool:
        """Whether the job has completed; an unreachable service says neither yes nor no."""
        from airflow_provider_azureml.errors import AzureMLError, UnreachableError
        from airflow_provider_azureml.rest import job as job_flows

        try:
            job = self.hook.run(job_flows.get(self.hook.workspace, self.name))
        except UnreachableError as error:
            self.log.warning("The state of job %s is not to be had just now: %s", self.name, error)
            return False
        except AzureMLError as error:
            raise self._end(str(error)) from error
        self.log.info("Job %s is %s", self.name, job.status)
        if job.is_terminal and job.status != COMPLETED:
            raise self._end(f"Job {job.name} ended as {job.status}")
        return bool(job.is_terminal)

    def resume(self, context: Any, event: Mapping[str, Any]) -> None:
        """Airflow's entry after the wait in the triggerer."""
        if event["reason"] == ENDED and event["status"] == COMPLETED:
            self.log.info("Job %s is %s", event["name"], COMPLETED)
            return
        if event["reason"] == ENDED:
            raise self._end(f"Job {event['name']} ended as {event['status']}")
        problem = f"Job {event['name']} was not seen to end ({event['reason']}). {event['error']}"
        raise AirflowSkipException(problem) if self.soft_fail else AirflowException(problem)

    def _end(self, problem: str) -> AirflowException:
        end: AirflowException = (AirflowSkipException if self.soft_fail else AirflowFailException)(problem)
        return end
