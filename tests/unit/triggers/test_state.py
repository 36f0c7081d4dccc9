# SPDX-License-Identifier: Apache-2.0
"""The wait of every trigger that is not about a job, on the compute trigger."""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.triggers.compute import AzureMLComputeTrigger
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from tests.unit.canned import BROKEN, CannedHook

BUSY = {"name": "box", "properties": {"provisioningState": "Creating"}}
READY = {"name": "box", "properties": {"provisioningState": "Succeeded"}}


def trigger(*answers: Any, **options: Any) -> AzureMLComputeTrigger:
    made = AzureMLComputeTrigger("azureml_x", "box", "Succeeded", **{"poll_interval": 0.01, **options})
    made.hook = CannedHook().on("GET", "/computes/box", *answers)  # type: ignore[assignment]
    return made


async def fired(made: AzureMLComputeTrigger) -> dict[str, Any]:
    async for event in made.run():
        content: dict[str, Any] = event.payload
        return content
    raise AssertionError("no event")


async def test_it_fires_once_the_state_is_there_and_bears_what_is_not_a_verdict() -> None:
    event = await fired(trigger(BUSY, BROKEN, READY))
    assert (event["reason"], event["status"], event["error"]) == (ENDED, "Succeeded", "")
    assert event["record"]["provisioning_state"] == "Succeeded"


async def test_a_deadline_ends_the_wait_and_changes_nothing() -> None:
    made = trigger(BUSY, deadline=time.time() + 0.1)
    assert (await fired(made))["reason"] == TIMEOUT
    assert {request.method for request in made.hook.requests} == {"GET"}  # type: ignore[attr-defined]


async def test_a_wrong_connection_is_an_event_and_no_crash() -> None:
    made = trigger(ConfigurationError("auth", "is unknown.", "Choose another."))
    event = await fired(made)
    assert (event["reason"], event["error"]) == (ERROR, "auth: is unknown. Choose another.")


async def test_a_mistake_of_ours_and_a_timeout_without_a_deadline_are_events_and_no_crash() -> None:
    event = await fired(trigger(RuntimeError("a mistake")))
    assert (event["reason"], event["error"]) == (ERROR, "RuntimeError: a mistake")
    event = await fired(trigger(TimeoutError("from a secrets client")))
    assert event["reason"] == ERROR


async def test_the_end_of_the_task_needs_no_request() -> None:
    made = trigger(BUSY)
    await made.on_kill()
    await made.cancel()
    assert made.hook.requests == []  # type: ignore[attr-defined]


def test_its_arguments_make_it_again() -> None:
    path, arguments = trigger(deadline=12.0).serialize()
    assert path == "airflow_provider_azureml.triggers.compute.AzureMLComputeTrigger"
    assert AzureMLComputeTrigger(**arguments).serialize() == (path, arguments)
