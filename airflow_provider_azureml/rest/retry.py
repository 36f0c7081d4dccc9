# SPDX-License-Identifier: Apache-2.0
"""What happens between a flow and the network: retries, one fresh token, no token to strangers.

`resilient` turns a flow into a plainer one that a driver can carry out without thinking: it
yields Calls (send exactly this once) and Pauses. Sync and async share it, so there is one retry
path; azure-core's own is switched off.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError, UnreachableError
from airflow_provider_azureml.rest.flow import TRANSIENT, Flow, Pause, Request, Response

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """Send this request once; `renew` asks for a token that was in no cache."""

    request: Request
    renew: bool = False


@dataclass(frozen=True)
class Failure:
    """There was no answer. `sent` is False when the request certainly never left."""

    message: str
    sent: bool


Outcome = Response | Failure
Steps = Generator[Call | Pause, Outcome, T]


@dataclass(frozen=True)
class Retry:
    """How long to insist. Times are seconds.

    :param total: no new attempt starts later than this after the first one.
    :param answers: attempts that may end with a transient status.
    :param silences: attempts that may end without an answer.
    :param first: upper bound of the first pause; it doubles up to `cap` (full jitter).
    :param longest: upper bound of what a `Retry-After` can ask for.
    """

    total: float = 900.0
    answers: int = 8
    silences: int = 5
    first: float = 0.8
    cap: float = 30.0
    longest: float = 600.0


@dataclass(frozen=True)
class Rules:
    """What `resilient` needs besides the flow; clock and dice are parameters for tests."""

    cloud: Cloud
    retry: Retry = field(default_factory=Retry)
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random


def resilient(flow: Flow[T], rules: Rules) -> Steps[T]:
    """Carry a flow through transient failures; errors without an answer are thrown into it."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                yield step
                step = flow.send(Response(0))
                continue
            try:
                response = yield from _insist(step, rules)
            except ServiceError as error:
                step = flow.throw(error)
            else:
                step = flow.send(response)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        flow.close()


def decide(retry: Retry, request: Request, outcome: Outcome, tries: int, dice: float) -> float | None:
    """Return the seconds to wait before the next attempt, None when this outcome stands.

    :param tries: attempts made so far, this one included.
    :param dice: between 0 and 1.
    """
    if request.brief:
        return None
    jittered = dice * min(retry.cap, retry.first * 2.0 ** (tries - 1))
    if isinstance(outcome, Failure):
        again = tries < retry.silences and (request.repeatable or not outcome.sent)
        return jittered if again else None
    undone = request.repeatable or outcome.status == 429
    if outcome.status not in TRANSIENT or tries >= retry.answers or not undone:
        return None
    if outcome.retry_after is None:
        return jittered
    # A little later than asked, each client differently: they were all told the same time.
    return min(retry.longest, outcome.retry_after) + jittered / 4


def _insist(request: Request, rules: Rules) -> Steps[Response]:
    if request.scope and not rules.cloud.trusts(request.url):
        raise ServiceError(
            0, "ForeignHost", "A token is only sent to Azure's own hosts", "", request.operation
        )
    began, tries, renewed = rules.clock(), 0, False
    while True:
        tries += 1
        outcome = yield Call(request)
        if _is_unauthorized(outcome) and request.scope and not renewed:
            renewed = True
            outcome = yield Call(request, renew=True)
        wait = decide(rules.retry, request, outcome, tries, rules.dice())
        if wait is None or rules.clock() - began + wait > rules.retry.total:
            return _stand(request, outcome, tries)
        yield Pause(wait)


def _is_unauthorized(outcome: Outcome) -> bool:
    return isinstance(outcome, Response) and outcome.status == 401


def _stand(request: Request, outcome: Outcome, tries: int) -> Response:
    if isinstance(outcome, Failure):
        message = f"{outcome.message} ({tries} attempts)"
        raise UnreachableError(0, "NoAnswer", message, "", request.operation)
    return outcome
