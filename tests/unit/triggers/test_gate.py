# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest

from airflow_provider_azureml.errors import AzureMLError, NotFoundError, UnreachableError
from airflow_provider_azureml.triggers.gate import BACKOFF, Alone, Gate
from airflow_provider_azureml.triggers.poll import LONGEST_PAUSE
from tests.unit.canned import UNKNOWN_JOB, CannedHook, arm_job


def held(gate: Gate, error: AzureMLError, interval: float = 5.0) -> float:
    gate.hold(error, interval)
    return gate.opens - asyncio.get_running_loop().time()


def fault(retry_after: float | None = None) -> UnreachableError:
    return UnreachableError(503, "ServiceUnavailable", "later", retry_after=retry_after)


async def test_a_named_time_is_kept_and_never_shortened() -> None:
    assert all(44.9 <= held(Gate(), fault(45.0)) <= 54.1 for _ in range(100))


async def test_a_retry_after_of_a_week_is_capped() -> None:
    assert held(Gate(), fault(604_800.0)) <= LONGEST_PAUSE * 1.2


async def test_without_a_named_time_the_pause_doubles_up_to_a_minute() -> None:
    gate = Gate()
    pauses = [held(gate, fault()) for _ in range(2000)]
    assert 4.9 <= pauses[0] <= 6.1
    assert 9.9 <= pauses[1] <= 12.1
    assert BACKOFF * 0.99 <= pauses[-1] <= BACKOFF * 1.21


async def test_a_good_answer_makes_the_next_pause_short_again() -> None:
    gate = Gate()
    for _ in range(5):
        gate.hold(fault(), 5.0)
    gate.relieve()
    assert held(gate, fault()) <= 6.1


async def test_it_lets_through_after_its_time() -> None:
    loop, gate = asyncio.get_running_loop(), Gate()
    await gate.passed()
    gate.hold(fault(0.05), 5.0)
    began = loop.time()
    await gate.passed()
    assert loop.time() - began >= 0.04


async def test_a_job_is_asked_for_alone_and_its_fault_is_raised_to_its_trigger() -> None:
    hook = CannedHook().on("GET", "/jobs/j", arm_job("j", "Running"), UNKNOWN_JOB, fault())
    alone = Alone(hook)  # type: ignore[arg-type]
    assert await alone.status(hook.workspace, "j", 0.01) == "Running"
    for kind in (NotFoundError, UnreachableError):
        with pytest.raises(kind):
            await alone.status(hook.workspace, "j", 0.01)
