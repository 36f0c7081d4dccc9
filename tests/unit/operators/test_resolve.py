# SPDX-License-Identifier: Apache-2.0
"""The table of design D2, row by row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import product

import pytest

from airflow_provider_azureml.operators.resolve import (
    Adopt,
    Attach,
    Attempt,
    CancelThenSubmit,
    Decision,
    Me,
    Submit,
    Wait,
    Zombie,
    resolve,
)

BEGAN = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)
EARLIER, LATER = BEGAN - timedelta(minutes=5), BEGAN + timedelta(seconds=5)
ME = Me(try_number=3, epoch=2, began=BEGAN, fingerprint="same")
ACTIVE = (
    "NotStarted",
    "Starting",
    "Preparing",
    "Queued",
    "Running",
    "Finalizing",
    "NotResponding",
    "Paused",
    "New",
)


def attempt(
    status: str,
    *,
    number: int = 4,
    try_number: int = 2,
    epoch: int = 2,
    created: datetime = EARLIER,
    fingerprint: str = "same",
    intent: bool = False,
    mine: bool = False,
    other_run: bool = False,
) -> Attempt:
    return Attempt(number, status, try_number, epoch, created, fingerprint, intent, mine, other_run)


def decide(highest: Attempt | None) -> Decision:
    return resolve(highest, ME)


def test_nothing_there_is_submitted_as_attempt_zero() -> None:
    assert decide(None) == Submit(0)


@pytest.mark.parametrize("status", [*ACTIVE, "Completed", "Failed", "Canceled", "CancelRequested"])
@pytest.mark.parametrize("try_number", [3, 4])
def test_a_job_that_a_newer_try_made_after_i_began_makes_me_a_zombie(status: str, try_number: int) -> None:
    assert decide(attempt(status, try_number=try_number, created=LATER)) == Zombie(4)


@pytest.mark.parametrize("status", ACTIVE)
@pytest.mark.parametrize("try_number", [3, 9])
def test_an_active_job_of_a_deleted_run_is_cancelled_first(status: str, try_number: int) -> None:
    assert decide(attempt(status, try_number=try_number)) == CancelThenSubmit(4, 5)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_an_ended_job_of_a_deleted_run_is_passed_over(status: str) -> None:
    assert decide(attempt(status, try_number=3)) == Submit(5)


@pytest.mark.parametrize("epoch", [2, 1])
def test_a_job_that_is_being_cancelled_is_waited_for(epoch: int) -> None:
    assert decide(attempt("CancelRequested", epoch=epoch)) == Wait(4, 5)


@pytest.mark.parametrize("status, epoch", list(product(ACTIVE, [2, 1])))
def test_an_active_job_that_we_wanted_cancelled_is_waited_for(status: str, epoch: int) -> None:
    assert decide(attempt(status, epoch=epoch, intent=True)) == Wait(4, 5)


@pytest.mark.parametrize("status", ACTIVE)
def test_an_active_job_of_this_epoch_is_attached(status: str) -> None:
    assert decide(attempt(status)) == Attach(4)


@pytest.mark.parametrize("status", ACTIVE)
def test_an_active_job_of_an_older_epoch_is_cancelled_first(status: str) -> None:
    assert decide(attempt(status, epoch=1)) == CancelThenSubmit(4, 5)


def test_an_active_job_with_another_body_is_attached_with_a_warning() -> None:
    decision = decide(attempt("Running", fingerprint="other"))
    assert isinstance(decision, Attach)
    assert "Clear the task" in decision.warning


@pytest.mark.parametrize("status, expected", [("Running", Attach(4)), ("Completed", Adopt(4))])
def test_a_job_of_this_very_try_whose_answer_was_lost_is_this_trys(status: str, expected: Decision) -> None:
    assert decide(attempt(status, try_number=3, created=LATER, mine=True)) == expected


@pytest.mark.parametrize("status, expected", [("Running", CancelThenSubmit(4, 5)), ("Completed", Submit(5))])
def test_a_job_of_a_deleted_run_is_nothing_to_a_retry_of_the_new_one(status: str, expected: Decision) -> None:
    assert decide(attempt(status, try_number=1, other_run=True)) == expected


def test_a_try_of_a_deleted_run_touches_no_job_of_the_new_one() -> None:
    assert decide(attempt("Running", try_number=1, created=LATER, other_run=True)) == Zombie(4)


def test_a_completed_job_of_this_epoch_is_adopted() -> None:
    assert decide(attempt("Completed")) == Adopt(4)


def test_a_completed_job_with_another_body_is_adopted_with_a_warning() -> None:
    decision = decide(attempt("Completed", fingerprint="other"))
    assert isinstance(decision, Adopt)
    assert "Clear the task" in decision.warning


def test_a_completed_job_of_an_older_epoch_runs_again() -> None:
    assert decide(attempt("Completed", epoch=1)) == Submit(5)


@pytest.mark.parametrize("epoch", [2, 1])
def test_a_failed_job_is_followed_by_the_next(epoch: int) -> None:
    assert decide(attempt("Failed", epoch=epoch)) == Submit(5)


def test_a_job_that_we_cancelled_is_followed_by_the_next() -> None:
    assert decide(attempt("Canceled", intent=True)) == Submit(5)


def test_a_job_that_someone_else_cancelled_ends_this_task() -> None:
    assert decide(attempt("Canceled")) == Adopt(4)


def test_a_job_that_someone_else_cancelled_runs_again_when_the_task_is_cleared() -> None:
    assert decide(attempt("Canceled", epoch=1)) == Submit(5)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_what_this_try_has_waited_for_is_followed_by_the_next_however_it_ended(status: str) -> None:
    assert resolve(attempt(status), ME, settled=4) == Submit(5)


def test_what_this_try_waited_for_in_vain_is_waited_for_again() -> None:
    assert resolve(attempt("CancelRequested"), ME, settled=4) == Wait(4, 5)


@pytest.mark.parametrize(
    "status, try_number, epoch, created, intent, other_run",
    list(
        product(
            [*ACTIVE, "CancelRequested", "Completed", "Failed", "Canceled"],
            [1, 2, 3, 4],
            [1, 2, 3],
            [EARLIER, LATER],
            [True, False],
            [True, False],
        )
    ),
)
def test_no_decision_submits_beside_an_active_job(
    status: str, try_number: int, epoch: int, created: datetime, intent: bool, other_run: bool
) -> None:
    given = {"try_number": try_number, "epoch": epoch, "created": created}
    highest = attempt(status, **given, intent=intent, other_run=other_run)  # type: ignore[arg-type]
    decision = decide(highest)
    if isinstance(decision, Submit):
        assert highest.has_ended
        assert decision.number == 5
