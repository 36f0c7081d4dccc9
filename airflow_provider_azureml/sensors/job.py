# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job that something else submitted, or for one step of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.sensors.base import AzureMLBaseSensor

if TYPE_CHECKING:
    from airflow_provider_azureml.compat import BaseTrigger
    from airflow_provider_azureml.rest.flow import Flow
    from airflow_provider_azureml.triggers.state import Seen

COMPLETED = "Completed"
"""Azure's word, said here again: its module is loaded by the task, not by the parse."""


def _name(job: str | Mapping[str, Any]) -> str:
    return str(job.get("name", "") if isinstance(job, Mapping) else job)


def _check_name(job: str | Mapping[str, Any]) -> None:
    from airflow_provider_azureml.errors import ConfigurationError

    if not _name(job):
        mend = "Give a job's name, or the result of an AzureMLRunJobOperator."
        raise ConfigurationError("job", "names no job.", mend)


class AzureMLJobSensor(AzureMLBaseSensor):
    """Wait until a job has completed. The sensor never cancels it: it is not the sensor's job.

    A job that ended otherwise fails the sensor without a retry, or skips it with `soft_fail`.

    :param azureml_conn_id: the connection to look with.
    :param job: the job's name, or the result of an AzureMLRunJobOperator (`train.output`).
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "job")

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        job: str | Mapping[str, Any],
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id, deferrable=deferrable, poll_interval=poll_interval, **kwargs
        )
        self.job = job

    @property
    def name(self) -> str:
        """The job's name, from either form of `job`."""
        return _name(self.job)

    @property
    def awaited(self) -> str:
        """What is waited for, as messages call it."""
        return f"Job {self.name}"

    def check(self) -> None:
        """Raise ConfigurationError where no job is named."""
        _check_name(self.job)

    def look(self) -> Flow[Seen]:
        """Ask once."""
        from airflow_provider_azureml.rest import job as job_flows
        from airflow_provider_azureml.triggers.state import Seen

        job = yield from job_flows.get(self.hook.workspace, self.name)
        if job.is_terminal and job.status != COMPLETED:
            return Seen.failed(job.status, f"Job {job.name} ended as {job.status}")
        return Seen(job.status, has_ended=job.is_terminal)

    def trigger(self, deadline: float) -> BaseTrigger:
        """The trigger of the one watcher, without any right to cancel."""
        from airflow_provider_azureml.triggers.job import AzureMLJobTrigger

        return AzureMLJobTrigger(
            azureml_conn_id=self.azureml_conn_id,
            job_name=self.name,
            poll_interval=self.poll_interval,
            deadline=deadline,
            cancel_on_kill=False,
        )

    def problem_of(self, event: Mapping[str, Any]) -> str:
        """Every end but Completed is a problem."""
        return "" if event["status"] == COMPLETED else f"Job {event['name']} ended as {event['status']}"


class AzureMLChildJobSensor(AzureMLBaseSensor):
    """Wait until one step of a pipeline job has completed, while the pipeline may still run.

    A step that ended otherwise, or a pipeline that ended without it, fails the sensor without a
    retry, with the step's own reason. Returns `{"name", "status"}` of the step's run.

    :param azureml_conn_id: the connection to look with.
    :param job: the pipeline job's name, or the result of an AzureMLRunJobOperator with
        `wait_for_completion=False`.
    :param child: the step's name in the pipeline's `jobs`, or the name of its run.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "job", "child")

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        job: str | Mapping[str, Any],
        child: str,
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id, deferrable=deferrable, poll_interval=poll_interval, **kwargs
        )
        self.job = job
        self.child = child

    @property
    def awaited(self) -> str:
        """What is waited for, as messages call it."""
        return f"Step {self.child} of job {_name(self.job)}"

    def check(self) -> None:
        """Raise ConfigurationError where no job is named."""
        _check_name(self.job)

    def look(self) -> Flow[Seen]:
        """Ask once."""
        from airflow_provider_azureml.triggers.child import seen

        return seen(self.hook.workspace, _name(self.job), self.child)

    def trigger(self, deadline: float) -> BaseTrigger:
        """What waits in the triggerer."""
        from airflow_provider_azureml.triggers.child import AzureMLChildJobTrigger

        return AzureMLChildJobTrigger(
            self.azureml_conn_id, _name(self.job), self.child, self.poll_interval, deadline
        )
