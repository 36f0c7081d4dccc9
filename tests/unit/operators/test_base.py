# SPDX-License-Identifier: Apache-2.0
"""The one wait path: down as `wait_for`, back as `resume`."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowException, AirflowFailException, TaskDeferred
from airflow_provider_azureml.errors import AzureMLError, UnreachableError
from airflow_provider_azureml.operators.base import AzureMLBaseOperator
from airflow_provider_azureml.triggers.job import ENDED
from tests.unit.canned import CannedHook, arm_job, states

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Counting(AzureMLBaseOperator):
    """Does what it is told."""

    def __init__(self, outcome: Any = None, **options: Any) -> None:
        super().__init__(azureml_conn_id="aml", **options)
        self.outcome = outcome

    def perform(self, context: Any) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def operator(outcome: Any = None, **options: Any) -> Counting:
    return Counting(outcome=outcome, task_id="t", **options)


def context(began: datetime | None = BEGAN) -> dict[str, Any]:
    return {"ti": SimpleNamespace(start_date=began)}


def test_the_result_of_the_work_is_the_result_of_the_task() -> None:
    assert operator({"name": "j"}).execute(context()) == {"name": "j"}


def test_an_error_of_ours_becomes_airflows() -> None:
    with pytest.raises(AirflowException, match="503 x: later"):
        operator(UnreachableError(503, "x", "later")).execute(context())


def test_an_unknown_access_mode_is_an_error_before_any_work() -> None:
    untouched = operator(ZeroDivisionError(), access="loud")
    with pytest.raises(AirflowFailException, match="'loud' is unknown"):
        untouched.execute(context())


def test_a_killed_task_never_ends_green() -> None:
    killed = operator({"status": "Completed"})
    killed.on_kill()
    with pytest.raises(AirflowException, match="ended from outside"):
        killed.execute(context())


def test_a_killed_task_is_not_deferred_either() -> None:
    killed = operator(TaskDeferred(trigger=None, method_name="resume"))
    killed.was_killed = True
    with pytest.raises(AirflowException, match="ended from outside"):
        killed.execute(context())


def test_a_killed_task_stays_killed_when_it_comes_back_from_its_trigger() -> None:
    killed = operator()
    killed.hook = CannedHook().on("GET", "/jobs/j", arm_job("j", "Completed")).on("GET", "/runs/get", {})  # type: ignore[assignment]
    killed.was_killed = True
    with pytest.raises(AirflowException, match="ended from outside"):
        killed.resume(context(), {"name": "j", "reason": ENDED, "status": "Completed", "error": ""})


def test_a_task_that_comes_back_answers_for_its_job_again() -> None:
    back = operator()
    back.hook = CannedHook().on("GET", "/jobs/j", arm_job("j", "Completed")).on("GET", "/runs/get", {})  # type: ignore[assignment]
    event = {"name": "j", "owner": "me", "reason": ENDED, "status": "Completed", "error": ""}
    back.resume(context(), event)
    assert back.owned_job == ("j", "me")


def test_a_kill_before_there_is_a_job_cancels_nothing() -> None:
    killed = operator()
    killed.hook = CannedHook()  # type: ignore[assignment]
    killed.on_kill()
    assert killed.hook.requests == []
    with pytest.raises(AzureMLError):
        killed.unless_killed()


def test_a_job_that_may_outlive_its_task_is_not_cancelled_by_a_kill() -> None:
    killed = operator(cancel_on_kill=False)
    killed.hook = CannedHook()  # type: ignore[assignment]
    killed.owned_job = ("j", "me")
    killed.on_kill()
    assert killed.hook.requests == []
    assert killed.was_killed


@pytest.mark.parametrize(
    "options, seconds",
    [
        ({"timeout": 60}, 60),
        ({"timeout": timedelta(minutes=2)}, 120),
        ({"execution_timeout": timedelta(seconds=30)}, 30),
        ({"timeout": 60, "execution_timeout": timedelta(seconds=30)}, 30),
        ({"timeout": 20, "execution_timeout": timedelta(seconds=30)}, 20),
    ],
)
def test_the_earlier_limit_counts_from_the_begin_of_the_try(options: dict[str, Any], seconds: float) -> None:
    assert operator(**options).deadline(context()) == BEGAN.timestamp() + seconds


def test_without_a_limit_there_is_no_deadline() -> None:
    assert operator().deadline(context()) is None


def test_a_try_whose_begin_is_not_known_begins_now() -> None:
    deadline = operator(timeout=60).deadline(context(None))
    assert deadline == pytest.approx(time.time() + 60, abs=5)


def test_a_deferrable_wait_hands_everything_to_the_trigger() -> None:
    waiting = operator(deferrable=True, poll_interval=7, cancel_on_kill=False)
    with pytest.raises(TaskDeferred) as caught:
        waiting.wait_for(context(), "j", "me", method_name="after", deadline=12.5)
    assert caught.value.method_name == "after"
    assert caught.value.trigger.arguments() == {
        "azureml_conn_id": "aml",
        "job_name": "j",
        "owner": "me",
        "poll_interval": 7,
        "deadline": 12.5,
        "cancel_on_kill": False,
        "stream_logs": True,
        "log_offset": 0,
    }


def test_the_log_of_somebody_elses_job_is_not_streamed() -> None:
    with pytest.raises(TaskDeferred) as caught:
        operator(deferrable=True).wait_for(context(), "j", "", deadline=None)
    assert caught.value.trigger.stream_logs is False


def test_a_wait_in_the_worker_returns_the_event() -> None:
    waiting = operator(poll_interval=0.01, stream_logs=False)
    waiting.hook = CannedHook().on("POST", "/batchrundata", states({"j": "Completed"}))  # type: ignore[assignment]
    assert waiting.wait_for(context(), "j", "me", deadline=None)["reason"] == ENDED


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_the_event_of_a_trigger_becomes_the_result_or_the_error(status: str) -> None:
    back = operator()
    back.hook = (  # type: ignore[assignment]
        CannedHook()
        .on("GET", "/jobs/j", arm_job("j", status))
        .on("GET", "/runs/get", {})
        .on("GET", "/details", {"error": {"error": {"message": "boom"}}})
    )
    event = {"name": "j", "reason": ENDED, "status": status, "error": ""}
    if status == "Completed":
        assert back.resume(context(), event)["status"] == "Completed"
    else:
        with pytest.raises(AirflowException, match="ended as Failed: boom"):
            back.resume(context(), event)
