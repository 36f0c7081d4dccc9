# SPDX-License-Identifier: Apache-2.0
"""What all sensors share: one way to poke, one way to wait in the triggerer, one way to end.

What is loaded here is paid for by every parse of a DAG: Azure's side is loaded by the task.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

if TYPE_CHECKING:
    from airflow_provider_azureml.compat import BaseTrigger
    from airflow_provider_azureml.errors import ServiceError
    from airflow_provider_azureml.hooks.azureml import AzureMLHook
    from airflow_provider_azureml.rest.flow import Flow
    from airflow_provider_azureml.triggers.poll import Patience
    from airflow_provider_azureml.triggers.state import Seen

ENDED, TIMEOUT, ERROR = "ended", "timeout", "error"
"""The trigger's words, said here again: its module is loaded by the task, not by the parse."""


class AzureMLBaseSensor(BaseSensorOperator):
    """Wait for a state in Azure ML; change nothing.

    A state that no waiting mends fails the sensor without a retry, or skips it with `soft_fail`; so does a
    passed `timeout`, as with every sensor of Airflow. A state that is not to be had may be tried again.

    :param azureml_conn_id: the connection to look with.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds, or a timedelta, between two looks (Airflow's `poke_interval`).
    """

    ui_color = "#e6f2fb"

    def __init__(
        self,
        *,
        azureml_conn_id: str,
        deferrable: bool = False,
        poll_interval: float | timedelta = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poll_interval, **kwargs)
        self.azureml_conn_id = azureml_conn_id
        self.deferrable = deferrable
        self.poll_interval = float(self.poke_interval)  # in seconds, whatever it was given as
        self.found: dict[str, Any] | None = None

    @cached_property
    def hook(self) -> AzureMLHook:
        """The hook of this task's connection."""
        from airflow_provider_azureml.hooks.azureml import AzureMLHook

        return AzureMLHook(self.azureml_conn_id)

    @cached_property
    def patience(self) -> Patience:
        """How long answers may be errors, as in the triggerer; anew for each poke of mode `reschedule`."""
        from airflow_provider_azureml.triggers.poll import Patience

        return Patience(self.poll_interval)

    @property
    def awaited(self) -> str:
        """What is waited for, as messages call it."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ConfigurationError for arguments that can never be met; no request is sent."""

    def look(self) -> Flow[Seen]:
        """Ask once."""
        raise NotImplementedError

    def trigger(self, deadline: float) -> BaseTrigger:
        """What waits in the triggerer."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Airflow's entry: poke, or hand over to the triggerer. Returns what was waited for."""
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            self.defer(trigger=self.trigger(time.time() + float(self.timeout)), method_name="resume")
        return self.found

    def poke(self, context: Any) -> bool:
        """Whether the wait is over; an answer that makes no sense, or none, says neither yes nor no."""
        from airflow_provider_azureml.errors import (
            ConfigurationError,
            DeniedError,
            NotFoundError,
            ServiceError,
        )

        try:
            self.check()
            seen = self.hook.run(self.look())
        except (ConfigurationError, DeniedError, NotFoundError) as error:
            raise self.end(f"As connection '{self.azureml_conn_id}': {error}") from error
        except ServiceError as error:
            self._bear(error)
            return False
        self.patience.refill()
        self.log.info("%s: %s", self.awaited, seen.status)
        if seen.problem:
            raise self.end(seen.problem)
        self.found = dict(seen.record) or None
        return bool(seen.has_ended)

    def _bear(self, error: ServiceError) -> None:
        """Wait on after an error; raises Airflow's exception once there were only errors for too long."""
        from airflow_provider_azureml.errors import ServiceError

        try:
            self.patience.bear(error)
        except ServiceError:
            raise self.unseen(ERROR, str(error)) from error
        self.log.warning("The state of %s is not to be had just now: %s", self.awaited, error)

    def resume(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Airflow's entry after the wait in the triggerer."""
        if event["reason"] != ENDED:
            raise self.unseen(event["reason"], event["error"])
        problem = self.problem_of(event)
        if problem:
            raise self.end(problem)
        self.log.info("%s: %s", self.awaited, event["status"])
        return event.get("record") or None

    def problem_of(self, event: Mapping[str, Any]) -> str:
        """Why the end that the trigger saw is not the wished one; empty when it is."""
        return str(event["error"])

    def unseen(self, reason: str, error: str) -> AirflowException:
        """The exception for a wait that was given up: final at the timeout, as Airflow's own; else a retry may help."""
        late = AirflowSensorTimeout if reason == TIMEOUT else AirflowException
        kind = AirflowSkipException if self.soft_fail else late
        given_up: AirflowException = kind(f"{self.awaited} was not seen to end ({reason}). {error}".strip())
        return given_up

    def end(self, problem: str) -> AirflowException:
        """The exception for a state that no retry mends."""
        kind = AirflowSkipException if self.soft_fail else AirflowFailException
        ended: AirflowException = kind(problem)
        return ended
