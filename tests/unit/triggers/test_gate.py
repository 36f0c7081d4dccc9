# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest

from airflow_provider_azureml.errors import NotFoundError, ServiceError, UnreachableError
from airflow_provider_azureml.triggers.gate import BACKOFF, FIRST, Gate
from airflow_provider_azureml.triggers.poll import LONGEST_PAUSE


def held(gate: Gate, error: ServiceError) -> float:
    gate.hold(error)
    return gate.opens - asyncio.get_running_loop().time()


def fault(retry_after: float | None = None) -> UnreachableError:
    return UnreachableError(503, "ServiceUnavailable", "later", retry_after=retry_after)


async def test_a_named_time_is_kept_and_never_shortened() -> None:
    assert all(44.9 <= held(Gate(), fault(45.0)) <= 54.1 for _ in range(100))


async def test_a_retry_after_of_a_week_is_capped_and_that_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert LONGEST_PAUSE - 0.1 <= held(Gate(), fault(604_800.0)) <= LONGEST_PAUSE * 1.2
    while not caplog.text:  # written in a thread
        await asyncio.sleep(0.01)
    assert "asked for a pause of 604800 s; it gets 600 s" in caplog.text


async def test_without_a_named_time_the_pause_has_full_jitter_and_doubles_up_to_a_minute() -> None:
    firsts = [held(Gate(), fault()) for _ in range(300)]
    assert min(firsts) <= 0.2 * FIRST
    assert 0.8 * FIRST <= max(firsts) <= FIRST
    gate, lasts = Gate(), []
    for _ in range(300):
        gate.opens = 0.0
        lasts.append(held(gate, fault()))
    assert 0.8 * BACKOFF <= max(lasts[20:]) <= BACKOFF


async def test_an_earlier_fault_is_never_shortened_by_a_later_one() -> None:
    gate = Gate()
    assert held(gate, fault(500.0)) >= 499.9
    assert held(gate, fault()) >= 499.9


async def test_faults_of_requests_that_were_under_way_together_count_once() -> None:
    gate, loop = Gate(), asyncio.get_running_loop()
    asked_at = loop.time() - 1.0
    for _ in range(8):
        gate.hold(fault(), asked_at)
    assert gate.faults == 1


async def test_a_good_answer_makes_the_next_pause_short_again() -> None:
    gate = Gate()
    for _ in range(5):
        gate.hold(fault())
    gate.relieve()
    gate.opens = 0.0
    assert held(gate, fault()) <= FIRST


class Service:
    """Counts who is inside at the same time."""

    def __init__(self) -> None:
        self.inside = self.most = self.asked = 0
        self.answer: ServiceError | None = None

    async def ask(self, gate: Gate) -> None:
        async with gate.request():
            self.asked += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0.01)
            self.inside -= 1
            if self.answer:
                raise self.answer


async def test_an_open_gate_lets_all_through_at_once() -> None:
    service, gate = Service(), Gate()
    await asyncio.gather(*(service.ask(gate) for _ in range(20)))
    assert service.most == 20


async def test_after_a_fault_one_probe_goes_ahead_and_its_good_answer_opens_for_all() -> None:
    service, gate = Service(), Gate()
    gate.hold(fault())
    waiting = [asyncio.create_task(service.ask(gate)) for _ in range(20)]
    while not service.asked:
        await asyncio.sleep(0.001)
    assert (service.asked, service.inside) == (1, 1)
    await asyncio.gather(*waiting)
    assert service.asked == 20
    assert gate.faults == 0


async def test_a_probe_that_fails_leaves_the_others_waiting() -> None:
    service, gate = Service(), Gate()
    gate.hold(fault())
    service.answer = fault(30.0)
    waiting = [asyncio.create_task(service.ask(gate)) for _ in range(5)]
    done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), service.asked) == (1, 1)
    assert isinstance(done.pop().exception(), UnreachableError)
    for task in others:
        task.cancel()
    await asyncio.wait(others)


async def test_an_answer_that_is_a_refusal_is_an_answer() -> None:
    service, gate = Service(), Gate()
    gate.faults = 3
    service.answer = NotFoundError(404, "NotFound", "no")
    with pytest.raises(NotFoundError):
        await service.ask(gate)
    assert gate.faults == 0


async def test_a_cancelled_probe_lets_the_next_one_go() -> None:
    service, gate = Service(), Gate()
    gate.faults = 1
    first, second = (asyncio.create_task(service.ask(gate)) for _ in range(2))
    await asyncio.sleep(0.001)
    first.cancel()
    await second
    assert gate.faults == 0
