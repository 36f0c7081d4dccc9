# SPDX-License-Identifier: Apache-2.0
"""What all sensors share, on the smallest sensor there can be."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_azureml.compat import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_provider_azureml.errors import (
    ConfigurationError,
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.sensors.base import ENDED, ERROR, TIMEOUT, AzureMLBaseSensor
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


GARBAGE = ServiceError(200, "NotJson", "The answer is not JSON")


def sensor(*seen: Any, **options: Any) -> Sensor:
    made = Sensor(**{"task_id": "s", "azureml_conn_id": "azureml_x", "poll_interval": 0.01, **options})
    made.seen = list(seen)
    made.hook = CannedHook()  # type: ignore[assignment]
    return made


def event(reason: str, error: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "The thing", "reason": reason, "status": "Ready", "error": error, **more}


def test_the_words_that_are_said_twice_are_the_same() -> None:
    assert (ENDED, TIMEOUT, ERROR) == (job_trigger.ENDED, job_trigger.TIMEOUT, job_trigger.ERROR)


@pytest.mark.parametrize("interval", [90, 90.0, timedelta(seconds=90)])
def test_an_interval_is_seconds_for_both_modes(interval: Any) -> None:
    made = sensor(poll_interval=interval)
    assert made.poke_interval == 90
    _, arguments = made.trigger(1.0).serialize()
    assert (arguments["poll_interval"], type(arguments["poll_interval"])) == (90.0, float)


def test_both_modes_return_what_was_waited_for() -> None:
    done = Seen("Ready", has_ended=True, record={"version": "3"})
    assert sensor(Seen("Busy"), UnreachableError(503, "Later", "later"), done).execute({}) == {"version": "3"}
    assert sensor(done, deferrable=True).execute({}) == {"version": "3"}
    assert sensor().resume({}, event(ENDED, record={"version": "3"})) == {"version": "3"}


def test_a_deferrable_sensor_looks_once_before_it_waits() -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(Seen("Busy"), deferrable=True).execute({})
    assert caught.value.method_name == "resume"


def test_an_answer_that_makes_no_sense_is_waited_out_in_both_modes() -> None:
    done = Seen("Ready", has_ended=True, record={"version": "3"})
    assert sensor(GARBAGE, ServiceError(409, "Conflict", "busy"), done).execute({}) == {"version": "3"}
    with pytest.raises(TaskDeferred):
        sensor(GARBAGE, deferrable=True).execute({})


def test_answers_that_never_make_sense_end_the_wait_as_in_the_triggerer_and_may_be_retried(
    monkeypatch,
) -> None:
    began, hours = time.monotonic(), iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: began + 3600 * next(hours))
    made = sensor(GARBAGE, GARBAGE)
    assert not made.poke({})
    with pytest.raises(AirflowException, match=r"The thing was not seen to end \(error\)\. 200") as caught:
        made.poke({})
    assert type(caught.value) is AirflowException
    patient = sensor(GARBAGE, Seen("Busy"), GARBAGE)
    assert [patient.poke({}) for _ in range(3)] == [False, False, False]


def test_what_is_not_there_is_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="404 NotFound"):
        sensor(NotFoundError(404, "NotFound", "no such job")).poke({})


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


def test_a_wait_that_timed_out_ends_as_airflows_own_or_skips() -> None:
    with pytest.raises(AirflowSensorTimeout, match=r"The thing was not seen to end \(timeout\)"):
        sensor().resume({}, event(TIMEOUT))
    with pytest.raises(AirflowSensorTimeout):
        sensor(Seen("Busy"), Seen("Busy"), timeout=0).execute({})
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).resume({}, event(TIMEOUT))


def test_a_wait_whose_state_was_not_to_be_had_may_be_tried_again_or_skips() -> None:
    with pytest.raises(AirflowException, match=r"not seen to end \(error\)\. 403") as caught:
        sensor().resume({}, event(ERROR, "403"))
    assert type(caught.value) is AirflowException
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).resume({}, event(ERROR, "403"))
