# SPDX-License-Identifier: Apache-2.0
"""One watcher for all triggers of a connection: requests counted, faults kept apart. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.rest.flow import Flow, Request
from airflow_provider_azureml.rest.quota import REFILL, RESERVE, SIZE, Quota
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.triggers.watcher import watched
from tests.unit.canned import DENIED, UNKNOWN_JOB, CannedHook, arm_job, states
from tests.unit.virtual_time import in_virtual_time, now

BATCH = "/batchrundata"
THROTTLED = UnreachableError(429, "TooManyRequests", "slow down", retry_after=120.0)


class Azure(CannedHook):
    """Azure ML on virtual time: each request takes `latency` seconds, and its moment is noted."""

    def __init__(self, latency: float = 0.1) -> None:
        super().__init__()
        self.latency = latency
        self.quota = Quota(now)
        self.batches: list[tuple[float, list[str]]] = []
        self.openings: list[AzureMLError | None] = []
        self.is_open = False

    async def arun(self, flow: Flow[Any], retry: Retry | None = None) -> Any:
        await asyncio.sleep(self.latency)
        before = len(self.requests)
        try:
            return self.run(flow)
        finally:
            self.batches += [(now(), list(asked)) for asked in map(_names, self.requests[before:]) if asked]

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        problem = self.openings.pop(0) if self.openings else None
        if problem:
            raise problem
        self.is_open = True
        try:
            yield SimpleNamespace(quota=self.quota)
        finally:
            self.is_open = False


def _names(request: Request) -> list[str]:
    return list(request.json["requests"]) if request.url.split("?")[0].endswith(BATCH) else []  # type: ignore[index]


def running(count: int, latency: float = 0.1) -> Azure:
    azure = Azure(latency)
    azure.on("POST", BATCH, states({f"j{n}": "Running" for n in range(count)}))
    return azure


async def looks(
    azure: Azure, name: str, count: int, interval: float = 30.0
) -> list[tuple[float, str | AzureMLError]]:
    """What one trigger sees, and when, going on after errors as it does."""
    seen: list[tuple[float, str | AzureMLError]] = []
    async with watched("aml", azure, name, interval) as seat:  # type: ignore[arg-type]
        while len(seen) < count:
            try:
                answer: str | AzureMLError = await seat.status()
            except AzureMLError as error:
                answer = error
            seen.append((now(), answer))
    return seen


async def together(*each: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*each))


@in_virtual_time
async def test_500_jobs_cost_five_requests_a_round() -> None:
    azure = running(500)
    seen = await together(*(looks(azure, f"j{n}", 21) for n in range(500)))
    assert len(azure.requests) == 21 * 5
    assert {len(names) for _, names in azure.batches} == {100}
    assert {answer for each in seen for _, answer in each} == {"Running"}
    assert 20 * 27 <= now() <= 20 * 33


@in_virtual_time
async def test_5000_triggers_that_start_over_half_a_minute_soon_share_their_rounds() -> None:
    azure = running(5000)

    async def start(number: int) -> list[tuple[float, str | AzureMLError]]:
        await asyncio.sleep(number * 27 / 5000)
        began = now()
        seen = await looks(azure, f"j{number}", 7)
        assert seen[0][0] - began <= 2.0
        return seen

    seen = await together(*map(start, range(5000)))
    gaps = [later - sooner for each in seen for (sooner, _), (later, _) in pairwise(each[1:])]
    assert max(gaps) <= 1.2 * 30
    by_minute = [sum(begin <= at < begin + 60 for at, _ in azure.batches) for begin in (60, 120)]
    assert max(by_minute) <= 3 * 51  # at most three rounds begin within a minute
    assert len(azure.requests) <= 7 * 51 + 30  # the starts: one more request per second at most


@in_virtual_time
async def test_a_newcomer_is_looked_at_within_two_seconds_amid_a_long_round() -> None:
    azure = running(2000, latency=0.4)
    old = [asyncio.create_task(looks(azure, f"j{n}", 3)) for n in range(1, 2000)]
    while len(azure.batches) < 25:
        await asyncio.sleep(0.1)  # the second round has begun, and goes on for 6 s more
    began = now()
    ((at, _),) = await looks(azure, "j0", 1)
    assert at - began <= 2.0
    await together(*old)


@in_virtual_time
async def test_each_job_keeps_its_own_interval() -> None:
    azure = running(2)
    often, seldom = await together(looks(azure, "j0", 61, 10), looks(azure, "j1", 3, 300))
    assert 60 * 9 <= often[-1][0] - often[0][0] <= 60 * 11 + 2
    assert len([1 for _, names in azure.batches if "j1" in names]) == 3
    assert 0.9 * 300 <= seldom[2][0] - seldom[1][0] <= 1.1 * 300 + 1


@in_virtual_time
async def test_a_throttled_answer_delays_all_and_fails_none() -> None:
    azure = running(500)
    good = states({f"j{n}": "Running" for n in range(500)})
    azure.on("POST", BATCH, good, THROTTLED, good)
    seen = await together(*(looks(azure, f"j{n}", 3) for n in range(500)))
    throttled, following = azure.batches[1][0], azure.batches[2][0]
    assert following - throttled >= 120
    errors = [answer for each in seen for _, answer in each if isinstance(answer, AzureMLError)]
    assert errors == [THROTTLED] * 100
    assert azure.asked("GET") == []  # nobody turned to ARM instead


@in_virtual_time
async def test_an_outage_of_an_hour_is_probed_and_ends_for_everybody() -> None:
    azure, hour = running(5000), 3600.0
    good = states({f"j{n}": "Running" for n in range(5000)})
    gone = UnreachableError(503, "ServiceUnavailable", "later")
    azure.on("POST", BATCH, lambda request: gone if now() < hour else good(request))

    async def until_seen(name: str) -> float:
        async with watched("aml", azure, name, 30) as seat:  # type: ignore[arg-type]
            while True:
                try:
                    await seat.status()
                    return now()
                except UnreachableError:
                    continue

    moments = await together(*(until_seen(f"j{n}") for n in range(5000)))
    assert len([1 for at, _ in azure.batches if at < hour]) <= 160  # the mean pause is half a minute
    assert max(moments) <= hour + 72 + 30 + 50 * 0.2


@in_virtual_time
async def test_one_jobs_404_does_not_end_anothers_wait() -> None:
    azure = running(1).on("GET", "/jobs/lost", UNKNOWN_JOB)
    lost, kept = await together(looks(azure, "lost", 5), looks(azure, "j0", 5))
    assert {type(answer) for _, answer in lost} == {NotFoundError}
    assert {answer for _, answer in kept} == {"Running"}
    assert len(azure.batches) == 5


@in_virtual_time
async def test_a_refused_or_illegible_batch_is_asked_of_arm_job_by_job() -> None:
    for answer in (DENIED, (404, {}), (200, []), (200, {"successfulResults": {"j0": {"runMetadata": 7}}})):
        azure = Azure().on("POST", BATCH, answer)
        azure.on("GET", "/jobs/j0", arm_job("j0", "Running")).on("GET", "/jobs/j1", arm_job("j1", "Failed"))
        first, second = await together(looks(azure, "j0", 1), looks(azure, "j1", 1))
        assert (first[0][1], second[0][1]) == ("Running", "Failed")


def alone(request: Request) -> dict[str, Any]:
    """ARM's answer about one job, which is Running."""
    return arm_job(request.url.partition("?")[0].rpartition("/")[2], "Running")


def listing(azure: Azure, names: list[str], size: int = 50) -> Azure:
    """ARM's list of jobs that are Running, in pages of Azure's size."""

    def page(request: Request) -> dict[str, Any]:
        start = int(request.url.partition("skip=")[2] or 0)
        more = (
            f"{request.url.partition('&$skip')[0]}&$skip={start + size}"
            if start + size < len(names)
            else None
        )
        return {"value": [arm_job(n, "Running") for n in names[start : start + size]], "nextLink": more}

    return azure.on("GET", "/jobs", page)


@in_virtual_time
async def test_5000_jobs_whose_batch_endpoint_is_closed_cost_a_hundred_pages_a_round_and_no_single_one() -> (
    None
):
    names = [f"j{n}" for n in range(5000)]
    azure = listing(Azure().on("POST", BATCH, DENIED), names)
    seen = await together(*(looks(azure, name, 5, 60) for name in names))
    assert {answer for each in seen for _, answer in each} == {"Running"}
    assert len(azure.asked("GET", "/jobs")) == 5 * 100
    assert len(azure.batches) == 1  # and it was tried once
    assert len(azure.requests) == 501


@in_virtual_time
async def test_a_closed_batch_endpoint_is_tried_again_after_a_while() -> None:
    names = [f"j{n}" for n in range(10)]
    azure = listing(Azure(), names)
    azure.on("POST", BATCH, DENIED, states(dict.fromkeys(names, "Running")))
    await together(*(looks(azure, name, 25) for name in names))
    assert len(azure.asked("GET", "/jobs")) in range(18, 23)  # ten minutes at half a minute
    assert len(azure.batches) >= 3


@in_virtual_time
async def test_a_refused_list_is_told_to_all_and_nobody_is_asked_alone() -> None:
    azure = Azure().on("POST", BATCH, DENIED).on("GET", "/jobs", DENIED)
    seen = await together(*(looks(azure, f"j{n}", 2) for n in range(50)))
    assert {type(answer) for each in seen for _, answer in each} == {DeniedError}
    assert len(azure.asked("GET")) == 2


@in_virtual_time
async def test_what_a_batch_does_not_know_is_listed_beside_the_batches_and_holds_them_up_in_nothing() -> None:
    azure = running(100)
    azure.on("GET", "/jobs", THROTTLED).on("GET", "/jobs/x.*", THROTTLED)
    lost = [asyncio.create_task(looks(azure, f"x{n}", 3)) for n in range(10)]
    kept = await together(*(looks(azure, f"j{n}", 11) for n in range(100)))
    assert {answer for each in kept for _, answer in each} == {"Running"}
    assert now() <= 11 * 33
    for task in lost:
        task.cancel()
    await asyncio.wait(lost)


@in_virtual_time
async def test_a_fault_that_is_soon_mended_is_told_to_nobody() -> None:
    azure = running(100)
    good = states({f"j{n}": "Running" for n in range(100)})
    azure.on("POST", BATCH, good, UnreachableError(503, "ServiceUnavailable", "later"), good)
    seen = await together(*(looks(azure, f"j{n}", 3) for n in range(100)))
    assert {answer for each in seen for _, answer in each} == {"Running"}
    assert azure.batches[2][0] - azure.batches[1][0] <= 1.5


@in_virtual_time
async def test_after_an_outage_those_who_were_told_of_it_are_asked_at_once() -> None:
    azure = running(100)
    good = states({f"j{n}": "Running" for n in range(100)})
    azure.on("POST", BATCH, good, THROTTLED, good)
    await together(*(looks(azure, f"j{n}", 3) for n in range(100)))
    assert 120 <= azure.batches[2][0] - azure.batches[1][0] <= 120 * 1.2 + 2


@in_virtual_time
async def test_polls_slow_down_as_the_quota_sinks() -> None:
    names = [f"j{n}" for n in range(400)]
    azure = Azure(latency=0.0).on("POST", BATCH, states({})).on("GET", "/jobs", {"value": []})
    azure.on("GET", "/jobs/j.*", alone)
    seen = await together(*(looks(azure, name, 1) for name in names))
    assert {answer for ((_, answer),) in seen} == {"Running"}
    assert len(azure.asked("GET", "/jobs/j.*")) == 400
    assert now() >= (400 - SIZE + RESERVE) / REFILL


@in_virtual_time
async def test_only_a_few_are_asked_alone_at_a_time_and_a_throttled_one_holds_the_others() -> None:
    names = [f"j{n}" for n in range(100)]
    azure = Azure(latency=1.0).on("POST", BATCH, DENIED).on("GET", "/jobs", {"value": []})
    azure.on("GET", "/jobs/j.*", THROTTLED, alone)
    seen = await together(*(looks(azure, name, 1) for name in names))
    assert sum(isinstance(each[0][1], AzureMLError) for each in seen) == 1
    before = [at for ((at, _),) in seen if at < 120]
    assert len(before) <= 8


@in_virtual_time
async def test_an_unreadable_answer_about_one_job_is_an_error_about_that_job() -> None:
    azure = running(1).on("GET", "/jobs/odd", {"properties": 7})
    odd, kept = await together(looks(azure, "odd", 1), looks(azure, "j0", 1))
    assert isinstance(odd[0][1], ServiceError)
    assert odd[0][1].code == "Unreadable"
    assert kept[0][1] == "Running"


@in_virtual_time
async def test_cancelling_one_trigger_does_not_disturb_the_others() -> None:
    azure = running(3, latency=2.0)
    tasks = [asyncio.create_task(looks(azure, f"j{n}", 3)) for n in range(3)]
    await asyncio.sleep(2)  # in the middle of a request
    tasks[1].cancel()
    assert len(await tasks[0]) == len(await tasks[2]) == 3
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert [sorted(names) for _, names in azure.batches[1:]] == [["j0", "j2"], ["j0", "j2"]]


@in_virtual_time
async def test_the_watcher_ends_with_its_last_job_and_begins_anew_with_the_next() -> None:
    for _ in range(2):
        azure = running(2)
        await together(looks(azure, "j0", 1), looks(azure, "j1", 4))
        assert asyncio.all_tasks() == {asyncio.current_task()} | _waiters()
        assert not azure.is_open
        assert len(azure.batches) == 4


def _waiters() -> set[asyncio.Task[Any]]:
    """The task that waits for the test itself (wait_for of Python 3.11 and before)."""
    return {task for task in asyncio.all_tasks() if "wait_for" in repr(task.get_coro())}


@in_virtual_time
async def test_the_session_stays_open_between_two_rounds() -> None:
    azure = running(1)
    watching = asyncio.create_task(looks(azure, "j0", 3))
    await asyncio.sleep(20)
    assert azure.is_open
    watching.cancel()
    await asyncio.wait([watching])
    assert not azure.is_open


@in_virtual_time
async def test_a_connection_that_airflow_does_not_give_is_told_to_all_with_one_lookup_a_round() -> None:
    azure = running(300)
    away = ServiceError(0, "NoConnection", "Airflow is away")
    azure.openings = [away, away, None]
    seen = await together(*(looks(azure, f"j{n}", 3) for n in range(300)))
    assert {tuple(answer for _, answer in each) for each in seen} == {(away, away, "Running")}
    assert azure.openings == []
    assert azure.asked("GET") == []


@in_virtual_time
async def test_a_refused_sign_in_is_told_to_all_with_one_attempt() -> None:
    azure = running(300)
    refused = DeniedError(401, "AADSTS7000222", "expired")
    azure.on("POST", BATCH, refused, states({f"j{n}": "Running" for n in range(300)}))
    seen = await together(*(looks(azure, f"j{n}", 2) for n in range(300)))
    assert {tuple(answer for _, answer in each) for each in seen} == {(refused, "Running")}
    assert len(azure.batches) == 1 + 3


@in_virtual_time
async def test_a_mistake_in_the_connection_is_told_to_all() -> None:
    azure = running(2)
    wrong = ConfigurationError("workspace_name", "is empty.", "Fill it in.")
    azure.openings = [wrong]
    seen = await together(looks(azure, "j0", 1), looks(azure, "j1", 1))
    assert [each[0][1] for each in seen] == [wrong, wrong]


@in_virtual_time
async def test_a_mistake_of_our_own_is_told_to_all_and_the_next_round_begins_anew() -> None:
    azure = running(2)
    azure.on("POST", BATCH, RuntimeError("a mistake"), states({"j0": "Running", "j1": "Running"}))
    seen = await together(looks(azure, "j0", 2), looks(azure, "j1", 2))
    assert [str(each[0][1]) for each in seen] == ["0 RoundFailed: RuntimeError: a mistake"] * 2
    assert [each[1][1] for each in seen] == ["Running", "Running"]
    assert min(each[1][0] - each[0][0] for each in seen) > 3.0


@in_virtual_time
async def test_the_watcher_runs_in_no_triggers_context() -> None:
    """Airflow keeps there in which task's log a line belongs."""
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    seen, good = [], states({"j0": "Running"})
    azure = Azure().on("POST", BATCH, lambda request: seen.append(whose.get()) or good(request))
    whose.set("the first trigger's")
    await looks(azure, "j0", 1)
    assert seen == ["nobody's"]


@in_virtual_time
async def test_connections_do_not_share_a_watcher() -> None:
    one, other = running(1), running(1)
    await looks(one, "j0", 1)
    async with watched("a", one, "j0", 30) as first, watched("b", other, "j0", 30) as second:  # type: ignore[arg-type]
        assert first.watcher is not second.watcher
        assert await together(first.status(), second.status()) == ["Running", "Running"]
    assert len(other.batches) == 1


@in_virtual_time
async def test_an_edited_connection_does_not_move_the_jobs_of_the_old_workspace() -> None:
    from dataclasses import replace

    azure = running(2)
    old = azure.workspace
    watching = asyncio.create_task(looks(azure, "j0", 3))
    await asyncio.sleep(10)
    azure.workspace = replace(old, name="new")
    azure.workspace._region.append("https://westus.api.azureml.ms")
    async with watched("aml", azure, "j1", 30) as seat:  # type: ignore[arg-type]
        await seat.status()
        assert seat.workspace == azure.workspace
        await watching
    hosts = [(sorted(_names(each)), "eastus" in each.url) for each in azure.requests]
    assert (["j0"], True) in hosts
    assert (["j1"], False) in hosts
    assert not {("j0", False), ("j1", True)} & {(name, where) for names, where in hosts for name in names}
