# SPDX-License-Identifier: Apache-2.0
"""What all sensors share, on the smallest sensor there can be."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_provider_azureml.errors import ConfigurationError, DeniedError, UnreachableError
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.sensors.base import ENDED, AzureMLBaseSensor
from airflow_provider_azureml.triggers import job as job_trigger
from airflow_provider_azureml.triggers.compute import AzureMLComputeTrigger
from airflow_provider_azureml.triggers.state import Seen
from tests.unit.canned import CannedHook


class Sensor(AzureMLBaseSensor):
    """Sees what it is told, one after the other."""

    seen: list[Any]

    @property
    def awaited(self) -> str:
        return "The thing"

    def look(self) -> Flow[Seen]:
        answer = self.seen.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
        yield

    def trigger(self, deadline: float) -> AzureMLComputeTrigger:
        return AzureMLComputeTrigger(self.azureml_conn_id, "c", "Succeeded", self.poll_interval, deadline)


def sensor(*seen: Any, **options: Any) -> Sensor:
    made = Sensor(task_id="s", azureml_conn_id="azureml_x", poll_interval=0.01, **options)
    made.seen = list(seen)
    made.hook = CannedHook()  # type: ignore[assignment]
    return made


def event(reason: str, error: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "The thing", "reason": reason, "status": "Ready", "error": error, **more}


def test_the_word_that_is_said_twice_is_the_same() -> None:
    assert ENDED == job_trigger.ENDED


def test_both_modes_return_what_was_waited_for() -> None:
    done = Seen("Ready", has_ended=True, record={"version": "3"})
    assert sensor(Seen("Busy"), UnreachableError(503, "Later", "later"), done).execute({}) == {"version": "3"}
    assert sensor(done, deferrable=True).execute({}) == {"version": "3"}
    assert sensor().resume({}, event(ENDED, record={"version": "3"})) == {"version": "3"}


def test_a_deferrable_sensor_looks_once_before_it_waits() -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(Seen("Busy"), deferrable=True).execute({})
    assert caught.value.method_name == "resume"


def test_a_refusal_names_the_connection_and_is_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="As connection 'azureml_x': 403 AuthorizationFailed"):
        sensor(DeniedError(403, "AuthorizationFailed", "no role")).poke({})


def test_arguments_that_can_never_be_met_are_refused_before_any_request() -> None:
    class Strict(Sensor):
        def check(self) -> None:
            raise ConfigurationError("state", "is unknown.", "Choose another.")

    made = Strict(task_id="s", azureml_conn_id="azureml_x")
    made.seen, made.hook = [], CannedHook()  # type: ignore[assignment]
    with pytest.raises(AirflowFailException, match=r"state: is unknown\. Choose another"):
        made.poke({})


def test_a_state_that_no_waiting_mends_fails_for_good_or_skips() -> None:
    broken = Seen.failed("Broken", "It is broken.")
    with pytest.raises(AirflowFailException, match="It is broken"):
        sensor(broken).poke({})
    with pytest.raises(AirflowSkipException, match="It is broken"):
        sensor(broken, soft_fail=True).poke({})
    with pytest.raises(AirflowFailException, match="It is broken"):
        sensor().resume({}, event(ENDED, "It is broken"))


def test_a_wait_that_timed_out_may_be_tried_again_or_skips() -> None:
    with pytest.raises(AirflowException, match=r"The thing was not seen to end \(timeout\)") as caught:
        sensor().resume({}, event(job_trigger.TIMEOUT))
    assert not isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).resume({}, event(job_trigger.TIMEOUT))
