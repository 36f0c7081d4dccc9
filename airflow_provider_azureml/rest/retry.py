# SPDX-License-Identifier: Apache-2.0
"""What happens between a flow and the network: retries, one fresh token, no token to strangers.

`resilient` turns a flow into a plainer one that a driver can carry out without thinking: it
yields Calls (send exactly this once) and Pauses. Sync and async share it, so there is one retry
path; azure-core's own is switched off. What is asked again and again anyway is asked `ONCE`: the
next round of a watcher is its repetition, and `triggers/gate.py` says when that may be.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError, UnreachableError
from airflow_provider_azureml.rest.flow import (
    TRANSIENT,
    Flow,
    Pause,
    Request,
    Response,
    legible,
    parse_error,
    relayed,
)

T = TypeVar("T")
log = logging.getLogger(__name__)
EXPIRED = frozenset({"TokenExpired", "ExpiredAuthenticationToken"})
"""Codes of a 403 that means 401 (apache/airflow#73601 met the first one at Graph)."""


@dataclass(frozen=True)
class Call:
    """Send this request once; `renew` asks for a token of a credential that nobody has refused."""

    request: Request
    renew: bool = False


@dataclass(frozen=True)
class Failure:
    """There was no answer. `sent` is False when the request certainly never left.

    :param retry_after: seconds, when it was Entra that could not answer and named a time.
    """

    message: str
    sent: bool
    retry_after: float | None = None


@dataclass(frozen=True)
class Refused:
    """Entra gave no token, so that nothing was sent."""

    error: ServiceError


Outcome = Response | Failure | Refused
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


ONCE = Retry(answers=1, silences=1)
"""For polls. A refused token is still replaced."""


@dataclass(frozen=True)
class Rules:
    """What `resilient` needs besides the flow; clock and dice are parameters for tests.

    :param renews: whether the driver can make another credential.
    """

    cloud: Cloud
    retry: Retry = field(default_factory=Retry)
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random
    renews: bool = True


def resilient(flow: Flow[T], rules: Rules) -> Steps[T]:
    """Carry a flow through transient failures; errors without an answer are thrown into it."""

    def answer(step: Request | Pause) -> Steps[Response]:
        if isinstance(step, Pause):
            yield step
            return Response(0)
        return (yield from legible(_insist(step, rules)))

    return relayed(legible(flow), answer)


def decide(
    retry: Retry, request: Request, outcome: Response | Failure, tries: int, dice: float
) -> float | None:
    """Return the seconds to wait before the next attempt, None when this outcome stands.

    :param tries: attempts made so far, this one included.
    :param dice: between 0 and 1.
    """
    if request.brief:
        return None
    jittered = dice * min(retry.cap, retry.first * 2.0 ** (tries - 1))
    if not _may_repeat(retry, request, outcome, tries):
        return None
    if outcome.retry_after is None:
        return jittered
    if outcome.retry_after > retry.longest:
        told = "%s: Azure asked for a pause of %.0f s, and gets %.0f s"
        log.warning(told, request.operation, outcome.retry_after, retry.longest)
    # A little later than asked, each client differently: they were all told the same time.
    return min(retry.longest, outcome.retry_after) + jittered / 4


def _may_repeat(retry: Retry, request: Request, outcome: Response | Failure, tries: int) -> bool:
    if isinstance(outcome, Failure):
        return tries < retry.silences and (request.repeatable or not outcome.sent)
    undone = request.repeatable or outcome.status == 429
    return outcome.status in TRANSIENT and tries < retry.answers and undone


def _insist(request: Request, rules: Rules) -> Steps[Response]:
    if request.scope and not _is_azure(rules.cloud, request.url):
        raise ServiceError(
            0, "ForeignHost", "A token is only sent to Azure's own hosts", "", request.operation
        )
    began, tries, renewed = rules.clock(), 0, False
    while True:
        tries += 1
        outcome = yield Call(request)
        if rules.renews and not renewed and request.scope and _is_unauthorized(outcome):
            renewed = True
            outcome = yield Call(request, renew=True)
        if isinstance(outcome, Refused):
            raise outcome.error
        wait = decide(rules.retry, request, outcome, tries, rules.dice())
        if wait is None or rules.clock() - began + wait > min(rules.retry.total, request.patience):
            return _stand(request, outcome, tries)
        yield Pause(wait)


def _is_azure(cloud: Cloud, url: str) -> bool:
    try:
        return cloud.trusts(url)
    except ValueError:  # an answer may name any address, and what is none
        return False


def _is_unauthorized(outcome: Outcome) -> bool:
    """Whether the token, or the secret behind it, is good for nothing any more."""
    if not isinstance(outcome, Response):
        return isinstance(outcome, Refused)
    return outcome.status == 401 or (outcome.status == 403 and parse_error(outcome)[0] in EXPIRED)


def _stand(request: Request, outcome: Response | Failure, tries: int) -> Response:
    if isinstance(outcome, Failure):
        message = f"{outcome.message} ({tries} attempts)"
        raise UnreachableError(0, "NoAnswer", message, "", request.operation, outcome.retry_after)
    return outcome
