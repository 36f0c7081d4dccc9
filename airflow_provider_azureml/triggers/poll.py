# SPDX-License-Identifier: Apache-2.0
"""One round of watching a job, and how much trouble a watcher puts up with. Worker and triggerer share it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    ServiceError,
    UnreachableError,
    said,
)
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.flow import Flow, briefly, legible
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.log import LogTail

T = TypeVar("T")
ERROR_BUDGET = 1800.0
"""Seconds for which answers about this job may be errors before the watcher gives up."""
LONGEST_PAUSE = 600.0
"""No `Retry-After` makes a watcher sleep longer than this."""
FIRST_LOOK = 2.0


@dataclass(frozen=True)
class Round:
    """What one round saw."""

    status: str
    lines: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether the job has."""
        return job_flows.is_terminal(self.status)


def look(workspace: Workspace, name: str, tail: LogTail | None = None) -> Flow[Round]:
    """The job's status, and what its log gained; raises ServiceError when the status is not to be had."""
    status = yield from _status(workspace, name)
    if tail is None:
        return Round(status)
    return Round(status, (yield from new_lines(workspace, tail, job_flows.is_terminal(status))))


def new_lines(workspace: Workspace, tail: LogTail, is_last: bool) -> Flow[tuple[str, ...]]:
    """What a job's log gained; with `is_last` all of it. A log error is a warning, never a verdict.

    Each request is brief: a log store that hangs holds up the look at the job's state by seconds.
    """
    try:
        lines = yield from legible(briefly(tail.drain(workspace) if is_last else tail.read(workspace)))
    except ServiceError as error:
        tail.problem = str(error)
        return ()
    return tuple(lines)


def _status(workspace: Workspace, name: str) -> Flow[str]:
    """From the batch endpoint, which is not behind ARM's throttle; from ARM when that knows nothing."""
    try:
        answer = (yield from run_history.status_batch(workspace, [name]))[name]
    except UnreachableError:
        raise
    except ServiceError as error:
        answer = error
    if isinstance(answer, str):
        return answer
    return (yield from job_flows.get(workspace, name)).status


class Patience:
    """Decides how long to wait after a round, and when a row of bad answers is too long.

    An unreachable or throttling service says nothing about the job: only the job's own deadline ends
    that. Answers about this very job (denied, not found, unreadable) draw on the error budget.

    :param interval: seconds between rounds.
    """

    def __init__(self, interval: float, budget: float = ERROR_BUDGET) -> None:
        self.interval = interval
        self._budget = budget
        self._since: float | None = None

    def first(self) -> float:
        """Seconds before the first round: spread, so that many jobs do not ask at once."""
        return random.uniform(0.0, min(FIRST_LOOK, self.interval))

    def after_success(self) -> float:
        """Seconds until the next round."""
        self.refill()
        return self._spread(self.interval)

    def after_error(self, error: ServiceError) -> float:
        """Seconds until the next round; raises the error when the budget is spent."""
        return self.bear(error) + self._spread(self.interval)

    def refill(self) -> None:
        """A good answer: the budget is whole again."""
        self._since = None

    def bear(self, error: AzureMLError) -> float:
        """Seconds that the error asks to wait; raises it when the budget is spent, or waiting mends nothing."""
        if isinstance(error, ConfigurationError):
            raise error
        if not isinstance(error, UnreachableError):
            now = time.monotonic()
            self._since = now if self._since is None else self._since
            if now - self._since >= self._budget:
                raise error
        wished = error.retry_after if isinstance(error, ServiceError) else None
        return min(wished or 0.0, LONGEST_PAUSE)

    @staticmethod
    def _spread(seconds: float) -> float:
        return seconds * random.uniform(0.8, 1.2)


def remaining(deadline: float | None) -> float:
    """Seconds until a deadline in Unix time; infinite without one."""
    return float("inf") if deadline is None else deadline - time.time()


class Overdue(Exception):
    """The deadline of a wait has passed."""


async def by(deadline: float | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work; raises Overdue when the deadline passes first.

    A TimeoutError from within is a failure of the work, and a ServiceError `TimedOut`.
    """

    async def timely() -> T:
        try:
            return await work()
        except asyncio.TimeoutError as error:
            raise ServiceError(0, "TimedOut", said(error)) from error

    left = None if deadline is None else max(remaining(deadline), 0.0)
    try:
        return await asyncio.wait_for(timely(), left)
    except asyncio.TimeoutError as error:
        raise Overdue from error
