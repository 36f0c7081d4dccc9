# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import json
import time

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.triggers import probe
from airflow_provider_azureml.triggers.probe import AzureMLProbeTrigger, Confidence, question

GRANT = {"principal_id": "p", "role": "r", "scope": "/subscriptions/s"}
PROBE = {"grant": GRANT, "permissions": [[["a/read"], [], [], []]], "conn_id": "c", "is_own": True}


def test_two_successes_in_a_row_are_enough_and_a_refusal_between_them_starts_anew() -> None:
    sure = Confidence()
    assert [sure.count(each, 0.0) for each in (True, False, True, True)] == [False, False, False, True]
    assert sure.looks == 4


def test_nothing_counts_before_its_time() -> None:
    sure = Confidence(not_before=10.0)
    assert [sure.count(True, now) for now in (1.0, 9.0, 10.0, 11.0)] == [False, False, False, True]


def test_looks_become_rarer_up_to_half_a_minute_and_the_second_success_comes_soon() -> None:
    sure, pauses = Confidence(), []
    for _ in range(8):
        sure.count(False, 0.0)
        pauses.append(sure.pause())
    assert 4.0 <= pauses[0] <= 5.0
    assert 24.0 <= pauses[-1] <= 30.0
    sure.count(True, 0.0)
    assert sure.pause() <= 5.0


def test_the_grantee_asks_what_it_may_do_and_others_ask_for_the_assignment() -> None:
    own, other = (next(question(CLOUDS["public"], {**PROBE, "is_own": each})) for each in (True, False))
    assert "/providers/Microsoft.Authorization/permissions" in own.url
    assert "/providers/Microsoft.Authorization/roleAssignments?" in other.url


def test_airflow_can_make_it_again_from_json() -> None:
    path, arguments = AzureMLProbeTrigger("b", [PROBE], 1.0, 2.0).serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert again.arguments() == arguments


async def test_a_deadline_that_has_passed_fires_at_once() -> None:
    events = [event async for event in AzureMLProbeTrigger("b", [PROBE], 0.0, time.time() - 1).run()]
    assert events[0].payload["reason"] == "timeout"


async def test_a_connection_that_cannot_be_used_ends_the_wait_with_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_C", json.dumps({"conn_type": "azureml", "extra": {"auth": "unknown"}}))
    events = [event async for event in AzureMLProbeTrigger("b", [PROBE], 0.0, time.time() + 30).run()]
    assert events[0].payload["reason"] == "error"
    assert "auth" in events[0].payload["error"]


async def test_a_mistake_of_ours_is_an_event_that_carries_what_it_was_given() -> None:
    made = AzureMLProbeTrigger("b", [{"no": "probe"}], 0.0, time.time() + 30, carried={"x": 1})
    (event,) = [event async for event in made.run()]
    assert (event.payload["reason"], event.payload["carried"]) == ("error", {"x": 1})
    assert event.payload["error"] == "KeyError: 'conn_id'"


async def test_there_is_nothing_to_cancel() -> None:
    trigger = AzureMLProbeTrigger("b", [], 0.0, 0.0)
    await trigger.on_kill()
    await trigger.cancel()


def test_the_first_look_is_five_seconds_from_the_second() -> None:
    assert (probe.FIRST, probe.LONGEST, probe.ENOUGH) == (5.0, 30.0, 2)
