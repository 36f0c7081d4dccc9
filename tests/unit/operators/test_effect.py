# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.operators import effect
from airflow_provider_azureml.operators.effect import Wait
from airflow_provider_azureml.rest.assignment import Grant
from tests.unit.canned import CannedHook

GRANT = Grant("p", "r", "/subscriptions/s")


def hook() -> Any:
    made: Any = CannedHook()
    made.azureml_conn_id = "broker"
    return made


def test_who_cannot_ask_itself_is_looked_for_by_the_broker_and_waited_for() -> None:
    wait = Wait.of(hook(), [GRANT], "", 120.0, 5000.0, 5.0)
    (probe,) = wait.probes
    assert (probe["is_own"], probe["conn_id"], probe["permissions"]) == (False, "broker", [])
    assert wait.not_before > time.time() + 100


def test_the_wait_in_the_triggerer_is_the_same() -> None:
    wait = Wait.of(hook(), [GRANT], "", 0.0, 5000.0, 2.0)
    arguments = wait.trigger().arguments()
    assert arguments["probes"] == wait.probes
    assert (arguments["azureml_conn_id"], arguments["deadline"], arguments["first"]) == (
        "broker",
        5000.0,
        2.0,
    )


def test_a_deadline_that_has_passed_ends_the_wait_without_a_look() -> None:
    task: Any = SimpleNamespace()
    assert Wait("broker", [], 0.0, time.time() - 1, 1.0).watch(task)["reason"] == "timeout"


def test_a_task_that_was_killed_does_not_go_on_waiting() -> None:
    def unless_killed() -> None:
        raise KeyboardInterrupt

    task: Any = SimpleNamespace(unless_killed=unless_killed)
    with pytest.raises(KeyboardInterrupt):
        Wait("broker", [], time.time() + 60, time.time() + 60, 1.0).watch(task)


@pytest.mark.parametrize(
    "event, why",
    [
        ({"reason": "ended", "error": "", "looks": 2}, ""),
        ({"reason": "timeout", "error": "", "looks": 9}, "not within the time for it, at 9 looks"),
        ({"reason": "error", "error": "no connection", "looks": 0}, "no connection"),
    ],
)
def test_why_a_grant_does_not_work_is_said(event: dict[str, Any], why: str) -> None:
    assert effect.why_not(event) == why


def test_each_grant_that_works_is_noted_once() -> None:
    noted: list[Any] = []
    made: Any = SimpleNamespace(note=lambda *what: noted.append(what))
    effect.note_effective(made, [GRANT])
    assert noted == [("airflow/grant/effective", GRANT.id, GRANT.notes)]
