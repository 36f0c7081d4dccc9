# SPDX-License-Identifier: Apache-2.0
"""Who is present at a request, and what they are told; over real drivers in tests/wire/test_audit.py."""

from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import AzureMLError, DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.driver import AsyncDriver, Driver
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, expect
from airflow_provider_azureml.rest.observer import Aside, Watched, first_watch, observed
from airflow_provider_azureml.rest.retry import Call, Retry, Rules, resilient

CLOUD = CLOUDS["public"]
URL = "https://management.azure.com/subscriptions/s"
PUT, GET = Request("PUT", URL, json={"a": 1}), Request("GET", URL)


class Notes:
    """Observes all that is not a GET, and keeps what it is told."""

    def __init__(self, refuse: bool = False) -> None:
        self.told: list[Any] = []
        self.refuse = refuse

    def watch(self, request: Request, correlation_id: str) -> Notes | None:
        return None if request.method == "GET" else self

    def intend(self, token: str) -> None:
        self.told.append(("intend", token))
        if self.refuse:
            raise AzureMLError("not recorded")

    def conclude(self, answer: Response | ServiceError, attempts: int | None) -> None:
        self.told.append(("conclude", answer.status, attempts))

    def report(self) -> None:
        self.told.append("report")


def drive(flow: Flow[Any], answers: list[Response]) -> tuple[Any, list[Any]]:
    """The flow's result, and the kinds of the steps that a driver saw."""
    steps, seen = resilient(flow, Rules(CLOUD, dice=lambda: 0.0)), []
    try:
        step = next(steps)
        while True:
            seen.append(type(step).__name__)
            if isinstance(step, Aside):
                step.work()
            if isinstance(step, Call):
                watch = first_watch(step.request)
                if watch:
                    watch.intend("token")
            step = steps.send(answers.pop(0) if isinstance(step, Call) else Response(0))
    except StopIteration as done:
        return done.value, seen


def ask(*requests: Request) -> Flow[list[int]]:
    statuses = []
    for request in requests:
        statuses.append(expect((yield request), 200).status)
    return statuses


def test_an_observed_request_is_told_before_and_after_and_another_not_at_all() -> None:
    notes = Notes()
    result, _ = drive(observed(ask(GET, PUT), notes, ""), [Response(200), Response(200)])
    assert result == [200, 200]
    assert notes.told == [("intend", "token"), ("conclude", 200, 1), "report"]


def test_repeats_of_one_request_are_one_observation() -> None:
    notes = Notes()
    drive(observed(ask(PUT), notes, ""), [Response(503), Response(429), Response(200)])
    assert notes.told == [("intend", "token"), ("conclude", 200, 3), "report"]


def test_a_request_that_a_flow_sends_twice_is_two_observations() -> None:
    notes = Notes()
    drive(observed(ask(PUT, PUT), notes, ""), [Response(200), Response(200)])
    assert notes.told == [("intend", "token"), ("conclude", 200, 1), "report"] * 2


def test_an_error_is_told_and_then_raised_into_the_flow() -> None:
    def flow() -> Flow[str]:
        try:
            yield Request("PUT", "https://elsewhere.example/", scope="s")
        except ServiceError as error:
            yield Pause(1.0)
            return error.code
        return ""

    notes = Notes()
    result, seen = drive(observed(flow(), notes, ""), [])
    assert (result, seen) == ("ForeignHost", ["Aside", "Pause"])
    assert notes.told == [("conclude", 0, 0), "report"]


def test_nothing_is_made_up_for_a_flow_that_is_closed_before_the_answer() -> None:
    notes = Notes()
    running = observed(ask(PUT), notes, "")
    shown = next(running)
    assert isinstance(shown, Watched)
    watch = first_watch(shown)
    assert watch is notes
    watch.intend("token")
    running.close()
    assert notes.told == [("intend", "token")]


def test_nobody_present_leaves_the_flow_as_it_is() -> None:
    flow = ask(PUT)
    assert observed(flow, None, "") is flow
    flow.close()


def test_an_observed_request_shows_as_little_in_its_repr_as_another() -> None:
    shown = next(observed(ask(Request("PUT", URL, content=b"body")), Notes(), ""))
    assert "Notes" not in repr(shown)
    assert "body" not in repr(shown)


class Refused:
    """Entra knows nobody."""

    def get_token(self, *scopes: str) -> AccessToken:
        raise ClientAuthenticationError("AADSTS7000215: wrong secret")


class AsyncRefused:
    async def get_token(self, *scopes: str) -> AccessToken:
        return Refused().get_token(*scopes)


SIGNED = Request("PUT", URL, scope=CLOUD.arm_scope)


def test_a_refused_sign_in_is_the_outcome_of_a_request_that_never_went_out() -> None:
    notes = Notes()
    with Driver(Refused(), CLOUD, observer=notes) as driver, pytest.raises(DeniedError):
        driver.run(ask(SIGNED))
    assert notes.told == [("conclude", 401, 0), "report"]


async def test_in_an_event_loop_it_is_the_same() -> None:
    notes = Notes()
    async with AsyncDriver(AsyncRefused(), CLOUD) as driver:
        with pytest.raises(DeniedError):
            await driver.run(ask(SIGNED), observer=notes)
    assert notes.told == [("conclude", 401, 0), "report"]


def test_a_refused_request_does_not_go_out(caplog: pytest.LogCaptureFixture) -> None:
    """Port 9 of this machine answers nobody: a request that goes out is an UnreachableError."""
    caplog.set_level(logging.DEBUG, "airflow_provider_azureml.rest.driver")
    unreachable = Request("PUT", "https://127.0.0.1:9/")
    notes = Notes(refuse=True)
    with Driver(Refused(), CLOUD, retry=Retry(silences=1), observer=notes) as driver:
        with pytest.raises(AzureMLError, match="not recorded") as caught:
            driver.run(ask(unreachable))
        assert not isinstance(caught.value, UnreachableError)
    assert notes.told == [("intend", "")]
    assert caplog.records == []


class Answering:
    """In the place of azure-core's client: an answer at once."""

    def __init__(self, *_: object, **__: object) -> None:
        self.sent = 0

    async def send_request(self, request: Any, **_: object) -> Any:
        self.sent += 1
        return SimpleNamespace(status_code=200, headers={}, content=b"")

    async def close(self) -> None:
        pass


class Slow(Notes):
    """Writes to a slow disk."""

    def intend(self, token: str) -> None:
        time.sleep(0.3)
        super().intend(token)

    def conclude(self, answer: Response | ServiceError, attempts: int | None) -> None:
        time.sleep(0.3)
        super().conclude(answer, attempts)


class Known:
    async def get_token(self, *scopes: str) -> AccessToken:
        return AccessToken("token", 2**40)


async def test_a_slow_disk_holds_up_its_own_request_and_nothing_else_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("azure.core.AsyncPipelineClient", Answering)
    notes, gaps = Slow(), []

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    ticking = asyncio.create_task(tick())
    async with AsyncDriver(Known(), CLOUD) as driver:
        assert await driver.run(ask(SIGNED), observer=notes) == [200]
    ticking.cancel()
    assert notes.told == [("intend", "token"), ("conclude", 200, 1), "report"]
    assert len(gaps) > 10
    assert max(gaps) < 0.25


async def test_polls_do_not_leave_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azure.core.AsyncPipelineClient", Answering)
    threads: list[object] = []
    monkeypatch.setattr("asyncio.to_thread", lambda *work: threads.append(work))
    async with AsyncDriver(Known(), CLOUD) as driver:
        await driver.run(ask(GET, GET), observer=Notes())
    assert threads == []
