# SPDX-License-Identifier: Apache-2.0
"""Being present at requests that matter: told before they go out, and what came of them.

One logical request is one observation, however often it is repeated. What an observer writes, the
driver lets it write beside the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Protocol, TypeVar

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, relayed

T = TypeVar("T")


class Watch(Protocol):
    """One request under observation."""

    def intend(self, token: str) -> None:
        """It is about to go out, with this bearer token (empty: with none).

        Raises AzureMLError when it may not: then it does not go out.
        """

    def conclude(self, answer: Response | ServiceError, attempts: int | None) -> None:
        """It has ended; `attempts` is how often it went out, None when nobody counted. Does not raise."""

    def report(self) -> None:
        """Tell people, in the thread and context in which the flow runs."""


class Observer(Protocol):
    """Who wants to be present."""

    def watch(self, request: Request, correlation_id: str) -> Watch | None:
        """A new observation; None for a request that does not matter."""


@dataclass
class _Attempts:
    count: int = 0


@dataclass(frozen=True)
class Watched(Request):
    """A request with its observation; the driver calls `first_watch` before each attempt."""

    watch: Watch | None = field(default=None, repr=False, compare=False)
    attempts: _Attempts = field(default_factory=_Attempts, repr=False, compare=False)


@dataclass(frozen=True)
class Aside(Pause):
    """A pause in which the driver does `work`, which may block."""

    work: Callable[[], None] = field(default=lambda: None)


def first_watch(request: Request) -> Watch | None:
    """Count an attempt that is about to go out; the observation when it is the first one."""
    if not isinstance(request, Watched):
        return None
    request.attempts.count += 1
    return request.watch if request.attempts.count == 1 else None


def observed(flow: Flow[T], observer: Observer | None, correlation_id: str) -> Flow[T]:
    """The same flow, with an observer present at each of its requests."""
    return flow if observer is None else _shown(flow, observer, correlation_id)


def _shown(flow: Flow[T], observer: Observer, correlation_id: str) -> Flow[T]:
    def answer(step: Request | Pause) -> Flow[Response]:
        watch = observer.watch(step, correlation_id) if isinstance(step, Request) else None
        if watch and isinstance(step, Request):
            return (yield from _watched(step, watch))
        return (yield step)

    return relayed(flow, answer)


def _watched(request: Request, watch: Watch) -> Flow[Response]:
    """An outcome that this process does not live to see stays unknown: nothing is made up for it."""
    values = {each.name: getattr(request, each.name) for each in fields(request)}
    shown = Watched(**values, watch=watch)
    try:
        response = yield shown
    except ServiceError as error:
        yield Aside(0.0, partial(watch.conclude, error, shown.attempts.count))
        watch.report()
        raise
    yield Aside(0.0, partial(watch.conclude, response, shown.attempts.count))
    watch.report()
    return response
