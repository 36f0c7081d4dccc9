# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, briefly, within
from airflow_provider_azureml.rest.retry import (
    ONCE,
    Call,
    Failure,
    Outcome,
    Refused,
    Retry,
    Rules,
    decide,
    resilient,
)

URL = "https://management.azure.com/x"
SCOPE = CLOUDS["public"].arm_scope


def ask(request: Request | None = None) -> Flow[int]:
    response = yield request or Request("GET", URL, scope=SCOPE)
    return response.status


class Clock:
    """Time that passes only while a flow pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(flow: Flow[Any], outcomes: Iterable[Outcome], retry: Retry | None = None) -> tuple[Any, list[Any]]:
    """Return the flow's result, and the calls and pauses it took."""
    clock, left, steps = Clock(), list(outcomes), []
    running = resilient(flow, Rules(CLOUDS["public"], retry or Retry(), clock, lambda: 1.0))
    try:
        step = next(running)
        while True:
            steps.append(step)
            if isinstance(step, Pause):
                clock.now += step.seconds
                step = running.send(Response(0))
            else:
                step = running.send(left.pop(0))
    except StopIteration as done:
        return done.value, steps


def pauses(steps: list[Any]) -> list[float]:
    return [step.seconds for step in steps if isinstance(step, Pause)]


def test_a_throttled_request_waits_as_long_as_the_service_asks_and_a_little_longer() -> None:
    result, steps = drive(ask(), [Response(429, {"retry-after": "20"}), Response(200)])
    assert result == 200
    assert 20.0 <= pauses(steps)[0] <= 21.0


def test_a_retry_after_of_hours_is_cut_to_ten_minutes() -> None:
    wait = decide(Retry(), Request("GET", URL), Response(503, {"retry-after": "86400"}), 1, 0.0)
    assert wait == 600.0


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_answers_are_tried_again_with_growing_pauses(status: int) -> None:
    result, steps = drive(ask(), [Response(status)] * 3 + [Response(200)])
    assert result == 200
    assert pauses(steps) == [0.8, 1.6, 3.2]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412])
def test_a_final_answer_is_not_tried_again(status: int) -> None:
    result, steps = drive(ask(), [Response(status)])
    assert (result, pauses(steps)) == (status, [])


def test_a_brief_request_is_made_once() -> None:
    result, steps = drive(briefly(ask()), [Response(503, {"retry-after": "1"})])
    assert (result, pauses(steps)) == (503, [])


def test_a_request_does_not_insist_for_longer_than_its_flow_has_time() -> None:
    result, steps = drive(within(ask(), 10.0), [Response(503), Response(503, {"retry-after": "20"})])
    assert (result, pauses(steps)) == (503, [0.8])


def test_pauses_are_jittered_over_their_whole_length() -> None:
    request = Request("GET", URL)
    assert decide(Retry(), request, Response(500), 3, 0.0) == 0.0
    assert decide(Retry(), request, Response(500), 3, 0.5) == pytest.approx(1.6)
    assert decide(Retry(), request, Response(500), 7, 1.0) == 30.0


def test_silence_ends_as_unreachable_after_few_attempts() -> None:
    with pytest.raises(UnreachableError, match=r"refused \(5 attempts\)"):
        drive(ask(), [Failure("refused", sent=False)] * 5)


def test_the_total_deadline_ends_the_attempts() -> None:
    result, steps = drive(ask(), [Response(503, {"retry-after": "400"})] * 3, Retry(total=900.0))
    assert result == 503
    assert len(pauses(steps)) == 2


def test_a_flow_may_catch_that_nobody_answered() -> None:
    def patient() -> Flow[str]:
        try:
            yield Request("GET", URL)
        except UnreachableError as error:
            return error.code
        return "answered"

    assert drive(patient(), [Failure("x", sent=True)] * 5)[0] == "NoAnswer"


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (Failure("lost", sent=True), False),
        (Failure("no connection", sent=False), True),
        (Response(500), False),
        (Response(429), True),
    ],
)
def test_a_request_that_must_not_happen_twice_is_repeated_only_when_it_was_not_done(
    outcome: Outcome, again: bool
) -> None:
    wait = decide(Retry(), Request("POST", URL, repeatable=False), outcome, 1, 1.0)
    assert (wait is not None) == again


def test_a_refused_token_is_renewed_exactly_once() -> None:
    result, steps = drive(ask(), [Response(401), Response(401)])
    assert result == 401
    assert [step.renew for step in steps] == [False, True]


def test_a_request_without_a_token_is_not_renewed() -> None:
    _, steps = drive(ask(Request("GET", URL)), [Response(401)])
    assert [step.renew for step in steps] == [False]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://management.azure.com/x",
        "https://management.azure.com.evil.example/x",
        "https://evilcore.windows.net/x",
        "https://management.chinacloudapi.cn/x",
        "https://management.azure.com@evil.example/x",
    ],
)
def test_a_token_never_goes_to_a_host_that_is_not_this_clouds(url: str) -> None:
    with pytest.raises(ServiceError, match="ForeignHost"):
        drive(ask(Request("GET", url, scope=SCOPE)), [])


def test_a_pause_of_a_flow_reaches_the_driver() -> None:
    def slow() -> Flow[str]:
        yield Pause(3.0)
        return "done"

    assert drive(slow(), []) == ("done", [Pause(3.0)])


def test_a_flow_that_asks_nothing_returns_at_once() -> None:
    def silent() -> Flow[int]:
        return 7
        yield Pause(0)

    assert drive(silent(), []) == (7, [])


def test_calls_carry_the_request_as_it_is() -> None:
    request = Request("GET", URL, scope=SCOPE)
    assert drive(ask(request), [Response(200)])[1] == [Call(request)]


REFUSED = Refused(DeniedError(401, "AADSTS7000215", "Invalid client secret provided."))


@pytest.mark.parametrize("code", ["TokenExpired", "ExpiredAuthenticationToken"])
def test_a_403_that_means_an_expired_token_is_mended_like_a_401(code: str) -> None:
    refused = Response(403, body=f'{{"error": {{"code": "{code}"}}}}'.encode())
    result, steps = drive(ask(), [refused, Response(200)])
    assert result == 200
    assert [step.renew for step in steps] == [False, True]


def test_any_other_403_is_an_answer() -> None:
    result, steps = drive(ask(), [Response(403, body=b'{"error": {"code": "AuthorizationFailed"}}')])
    assert (result, len(steps)) == (403, 1)


def test_a_refused_sign_in_is_tried_once_more_with_another_credential() -> None:
    result, steps = drive(ask(), [REFUSED, Response(200)])
    assert result == 200
    assert [step.renew for step in steps] == [False, True]


def test_a_sign_in_that_is_refused_twice_is_an_error_for_the_flow() -> None:
    with pytest.raises(DeniedError, match="AADSTS7000215"):
        drive(ask(), [REFUSED, REFUSED])


def test_without_another_credential_a_refusal_stands_at_once() -> None:
    running = resilient(ask(), Rules(CLOUDS["public"], renews=False))
    next(running)
    with pytest.raises(StopIteration) as done:
        running.send(Response(401))
    assert done.value.value == 401


@pytest.mark.parametrize("outcome", [Response(503), Response(429, {"retry-after": "5"})])
def test_a_poll_is_asked_once_its_watcher_says_when_again(outcome: Response) -> None:
    result, steps = drive(ask(), [outcome], ONCE)
    assert (result, len(steps)) == (outcome.status, 1)


def test_a_poll_without_an_answer_tells_how_long_entra_wants_to_be_left_alone() -> None:
    with pytest.raises(UnreachableError) as caught:
        drive(ask(), [Failure("busy", sent=False, retry_after=20.0)], ONCE)
    assert caught.value.retry_after == 20.0


def test_a_pause_that_is_cut_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    drive(ask(), [Response(429, {"retry-after": "604800"}), Response(200)])
    assert "asked for a pause of 604800 s, and gets 600 s" in caplog.text


def test_no_token_goes_to_what_is_no_address() -> None:
    with pytest.raises(ServiceError, match="ForeignHost"):
        drive(ask(Request("GET", "http://[bad", scope=SCOPE)), [])


def test_a_refusal_of_an_unexpected_shape_stays_a_refusal() -> None:
    """It is read in order to see whether a new token would help."""
    body = b'{"error": {"code": "Blocked", "details": ["policy 7"]}}'
    assert drive(ask(), [Response(403, {}, body)])[0] == 403
