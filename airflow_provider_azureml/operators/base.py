# SPDX-License-Identifier: Apache-2.0
"""The one wait path of all operators: `wait_for` goes down, `resume` comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow_provider_azureml.compat import BaseOperator, mask_secret
from airflow_provider_azureml.errors import AzureMLError, JobFailedError, ServiceError, UnreachableError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.failure import check_access_mode, translated
from airflow_provider_azureml.operators.outcome import result_of
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.driver import Driver
from airflow_provider_azureml.rest.job import COMPLETED
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.triggers.job import ERROR, TIMEOUT, AzureMLJobTrigger, may_cancel
from airflow_provider_azureml.triggers.log import LogTail
from airflow_provider_azureml.triggers.poll import Patience, look, remaining

AT_ONCE = Retry(total=3.0, answers=2, silences=2, first=0.2, cap=0.4, longest=1.0)
"""How long the handler of SIGTERM insists: Airflow sends SIGKILL five seconds later."""
SLICE = 0.5
"""Seconds that a waiting worker sleeps at a time, so that SIGTERM is noticed at once."""


class AzureMLBaseOperator(BaseOperator):
    """What all operators of this package share: connection, waiting, cancelling, and honest ends.

    :param azureml_conn_id: the connection to act with.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks at what is waited for.
    :param timeout: seconds, counted from the begin of the try, after which the job is cancelled and
        the task fails; also `execution_timeout` ends a wait, whichever is earlier.
    :param cancel_on_kill: whether the job ends when the task is ended from outside.
    :param stream_logs: whether the job's log appears in the task's log.
    :param access: `explain` appends cause and mend to errors about access; `off` does not.
    """

    def __init__(
        self,
        *,
        azureml_conn_id: str,
        deferrable: bool = False,
        poll_interval: float = 30.0,
        timeout: float | timedelta | None = None,
        cancel_on_kill: bool = True,
        stream_logs: bool = True,
        access: str = "explain",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.azureml_conn_id = azureml_conn_id
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_kill = cancel_on_kill
        self.stream_logs = stream_logs
        self.access = access
        self._was_killed = False
        self.owned_job: tuple[str, str] | None = None  # name and owner of the job that this task answers for

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook of this task's connection."""
        return AzureMLHook(self.azureml_conn_id)

    def execute(self, context: Any) -> Any:
        """Airflow's entry."""
        with translated(self.access, self.run_identity):
            check_access_mode(self.access)
            return self._unless_killed(self.perform(context))

    def run_identity(self) -> str:
        """Client id of the identity that the job runs as, for the mend of a refusal; empty if unknown."""
        return ""

    def perform(self, context: Any) -> Any:
        """What the operator does; errors are this package's own."""
        raise NotImplementedError

    def deadline(self, context: Mapping[str, Any]) -> float | None:
        """Unix time at which a wait ends, None for never."""
        limits = [limit for limit in (self.timeout, self.execution_timeout) if limit is not None]
        if not limits:
            return None
        began = context["ti"].start_date
        start = began.timestamp() if began else time.time()
        return start + min(x.total_seconds() if isinstance(x, timedelta) else x for x in limits)

    def wait_for(
        self, context: Any, name: str, owner: str, *, method_name: str = "resume", deadline: float | None
    ) -> dict[str, Any]:
        """Wait until a job has ended, and return the event; when deferrable, `method_name` gets it.

        :param owner: the job's owner marker, without which it is neither cancelled nor its log shown.
        """
        if self.deferrable:
            trigger = AzureMLJobTrigger(
                azureml_conn_id=self.azureml_conn_id,
                job_name=name,
                owner=owner,
                poll_interval=self.poll_interval,
                deadline=deadline,
                cancel_on_kill=self.cancel_on_kill,
                stream_logs=self.stream_logs and bool(owner),
            )
            self.defer(trigger=trigger, method_name=method_name)
        return self._watch(name, owner, deadline)

    def _watch(self, name: str, owner: str, deadline: float | None) -> dict[str, Any]:
        """The same wait as the trigger's, in this worker."""
        tail = LogTail(name) if self.stream_logs and owner else None
        patience = Patience(self.poll_interval)
        pause, status = patience.first(), ""
        while True:
            self._sleep(min(pause, max(remaining(deadline), 0.0)))
            if remaining(deadline) <= 0:
                problem = self._cancel(name, owner, "deadline")
                return {"name": name, "reason": TIMEOUT, "status": status, "error": problem}
            try:
                seen = self.hook.run(look(self.hook.workspace, name, tail))
                pause = patience.after_success()
            except ServiceError as error:
                pause = patience.after_error(error)
                self.log.warning("The state of job %s is not to be had just now: %s", name, error)
                continue
            for line in seen.lines:
                self.log.info("%s", line)
            if seen.status != status:
                status = seen.status
                self.log.info("Job %s is %s", name, status)
            if seen.has_ended:
                return {"name": name, "reason": "ended", "status": status, "error": ""}

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._unless_killed()
            time.sleep(min(left, SLICE))
        self._unless_killed()

    def resume(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Airflow's entry after a deferral: the event becomes the task's result, or its error."""
        with translated(self.access, self.run_identity):
            self.owned_job = (event["name"], "")
            result: dict[str, Any] = self._unless_killed(self.conclude(event))
            return result

    def conclude(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The result record of a job that was waited for; raises for every end but Completed."""
        name = event["name"]
        if event["reason"] == ERROR:
            raise UnreachableError(
                0, "NoState", f"the state of job {name} is not to be had: {event['error']}"
            )
        job = self.hook.run(job_flows.get(self.hook.workspace, name))
        if event["reason"] == TIMEOUT and job.status != COMPLETED:
            cancel = f"cancelling failed: {event['error']}" if event["error"] else "its end was asked for"
            raise JobFailedError(name, job.status, f"the task's deadline has passed, and {cancel}")
        return result_of(self.hook, job)

    def _unless_killed(self, value: Any = None) -> Any:
        """The value; raises when Airflow has told this process to end (its handler returns to us)."""
        if self._was_killed:
            raise AzureMLError("The task was ended from outside.")
        return value

    def _cancel(self, name: str, owner: str, reason: str, run: Any = None) -> str:
        """Cancel a job of ours; returns what went wrong, empty for nothing."""
        run = run or self.hook.run
        try:
            job = run(job_flows.find(self.hook.workspace, name))
            if job is None or not may_cancel(job, owner):
                return ""
            problem = run(intent.cancel(self.hook.workspace, job, reason))
        except AzureMLError as error:
            self.log.error("Job %s could not be cancelled and may still run: %s", name, error)
            return str(error)
        self.log.info("Asked Azure to cancel job %s (%s). %s", name, reason, problem)
        return ""

    def on_kill(self) -> None:
        """SIGTERM: cancel within the five seconds that Airflow leaves, and never end green."""
        self._was_killed = True
        if self.owned_job and self.cancel_on_kill:
            with Driver(
                self.hook.credential, self.hook.settings.cloud, retry=AT_ONCE, mask=mask_secret
            ) as driver:
                self._cancel(*self.owned_job, "killed", driver.run)
