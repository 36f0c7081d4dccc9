# SPDX-License-Identifier: Apache-2.0
"""How much a watcher puts up with."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_azureml.errors import (
    ConfigurationError,
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.triggers.log import LogTail
from airflow_provider_azureml.triggers.poll import (
    FIRST_LOOK,
    LONGEST_PAUSE,
    Overdue,
    Patience,
    by,
    new_lines,
    remaining,
)
from tests.unit.canned import BROKEN, CannedHook

THROTTLED = UnreachableError(429, "TooManyRequests", "slow down", retry_after=45.0)


def test_an_unreachable_service_is_waited_for_without_end() -> None:
    patience = Patience(30, budget=0.0)
    for _ in range(1000):
        assert patience.after_error(THROTTLED) >= 45.0


@pytest.mark.parametrize("kind", [DeniedError, NotFoundError])
def test_answers_about_this_job_draw_on_the_budget(kind: type[DeniedError]) -> None:
    with pytest.raises(kind):
        Patience(30, budget=0.0).after_error(kind(403, "no", "no"))


def test_the_budget_is_whole_again_after_a_good_answer() -> None:
    patience = Patience(30, budget=1000.0)
    error = NotFoundError(404, "no", "no")
    patience.after_error(error)
    patience.after_success()
    assert patience._since is None


def test_pauses_are_spread_around_the_interval() -> None:
    pauses = [Patience(100).after_success() for _ in range(500)]
    assert min(pauses) >= 80
    assert max(pauses) <= 120
    assert max(pauses) - min(pauses) > 20


def test_a_retry_after_of_a_week_is_capped() -> None:
    error = UnreachableError(503, "x", "x", retry_after=604_800.0)
    assert Patience(30).after_error(error) <= LONGEST_PAUSE + 36


def test_the_first_look_is_soon() -> None:
    assert all(Patience(300).first() <= FIRST_LOOK for _ in range(100))


def test_no_deadline_is_never() -> None:
    assert remaining(None) == float("inf")
    assert remaining(0.0) < 0


def test_waiting_does_not_mend_a_connection() -> None:
    with pytest.raises(ConfigurationError):
        Patience(30).bear(ConfigurationError("workspace_name", "is empty.", "Fill it in."))


def test_an_error_is_borne_for_as_long_as_it_asks() -> None:
    assert Patience(30).bear(THROTTLED) == 45.0
    assert Patience(30).bear(NotFoundError(404, "no", "no")) == 0.0


def test_a_log_that_cannot_be_read_is_no_verdict() -> None:
    hook = CannedHook().on("GET", "/runs/j/details", BROKEN, {"logFiles": 7})
    tail = LogTail("j")
    for word in ("503", "Unreadable"):
        assert hook.run(new_lines(hook.workspace, tail, is_last=False)) == ()
        assert word in tail.problem


async def _late() -> str:
    await asyncio.sleep(10)
    return "late"


async def _in_time() -> str:
    return "in time"


async def _timed_out() -> str:
    raise asyncio.TimeoutError("from a secrets client")


@pytest.mark.parametrize("left", [-1.0, 0.0, 0.05])
async def test_a_deadline_that_passes_ends_the_work(left: float) -> None:
    with pytest.raises(Overdue):
        await by(time.time() + left, _late)


@pytest.mark.parametrize("left", [None, 60.0])
async def test_a_timeout_within_the_work_is_no_deadline(left: float | None) -> None:
    deadline = None if left is None else time.time() + left
    assert await by(deadline, _in_time) == "in time"
    with pytest.raises(ServiceError, match="TimedOut: TimeoutError: from a secrets client"):
        await by(deadline, _timed_out)
