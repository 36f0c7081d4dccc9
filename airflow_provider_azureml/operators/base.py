# SPDX-License-Identifier: Apache-2.0
"""The one wait path of all operators: `wait_for` goes down, `resume` comes back.

What is loaded here is paid for by every parse of a DAG: the work stands in `wait.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azureml.compat import BaseOperator, TaskDeferred

if TYPE_CHECKING:
    from airflow_provider_azureml.access.diagnose import Finding
    from airflow_provider_azureml.hooks.azureml import AzureMLHook


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

    access_modes: ClassVar[tuple[str, ...]] = ("off", "explain")

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
        self.was_killed = False
        self.owned_job: tuple[str, str] | None = None  # name and owner of the job that this task answers for
        self.context: Mapping[str, Any] = {}  # of the try that runs; `on_kill` is not given it

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook of this task's connection."""
        from airflow_provider_azureml.hooks.azureml import AzureMLHook

        return AzureMLHook(self.azureml_conn_id)

    def execute(self, context: Any) -> Any:
        """Airflow's entry."""
        self.context = context
        return self.guarded(lambda: self.perform(context))

    def guarded(self, work: Callable[[], Any]) -> Any:
        """Do the work with Airflow's exceptions for ours, and never end green after SIGTERM."""
        from airflow_provider_azureml.operators.failure import check_access_mode, translated

        with translated(self.access, self.explained, self.azureml_conn_id):
            check_access_mode(self.access, self.access_modes)
            try:
                return self.unless_killed(work())
            except TaskDeferred:
                self.unless_killed()
                raise

    def explained(self, text: str) -> str:
        """An error's text, with its cause and its mend where access was refused; the audit log keeps both."""
        finding = self.diagnose(text)
        if finding is None:
            return text
        self.hook.record_finding(finding, self.owned_job[0] if self.owned_job else "")
        return finding.beside(text)

    def diagnose(self, text: str) -> Finding | None:
        """Cause and mend of a refusal; None where the text is not known as one."""
        from airflow_provider_azureml.access.diagnose import diagnose

        return diagnose(text)

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
            from airflow_provider_azureml.triggers.job import AzureMLJobTrigger

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
        from airflow_provider_azureml.operators.wait import watch

        return watch(self, name, owner, deadline)

    def resume(self, context: Any, event: dict[str, Any]) -> Any:
        """Airflow's entry after a deferral: the event becomes the task's result, or its error."""
        self.context = context
        self.owned_job = (event["name"], event.get("owner", ""))
        return self.guarded(lambda: self.conclude(event))

    def conclude(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The result record of a job that was waited for; raises for every end but Completed."""
        from airflow_provider_azureml.operators.outcome import conclude

        return conclude(self.hook, event)

    def unless_killed(self, value: Any = None) -> Any:
        """The value; raises when Airflow has told this process to end (its handler returns to us)."""
        if self.was_killed:
            from airflow_provider_azureml.errors import AzureMLError

            raise AzureMLError("The task was ended from outside.")
        return value

    @property
    def try_number(self) -> int | None:
        """The number of the try that runs."""
        number: int | None = getattr(self.context.get("ti"), "try_number", None)
        return number

    def on_kill(self) -> None:
        """SIGTERM: cancel within the five seconds that Airflow leaves, and never end green."""
        self.was_killed = True
        if self.owned_job and self.cancel_on_kill:
            from airflow_provider_azureml.operators.store import wish_cancel
            from airflow_provider_azureml.operators.wait import cancel_at_once

            name, owner = self.owned_job
            outcome = cancel_at_once(self.hook, name, owner, self.try_number)
            if outcome.problem or outcome.untraced:
                wish_cancel(self.context, name, "killed", self.log)
