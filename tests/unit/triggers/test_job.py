# SPDX-License-Identifier: Apache-2.0
"""Waiting for a job in the triggerer."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    DeniedError,
    NotFoundError,
    ServiceError,
)
from airflow_provider_azureml.rest.flow import Request
from airflow_provider_azureml.rest.intent import CANCEL_TAG, HOLDER_TAG
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.job import ENDED, ERROR, OWNER, TIMEOUT, AzureMLJobTrigger
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job, states

BATCH = "/batchrundata"


def trigger(hook: CannedHook, **options: Any) -> AzureMLJobTrigger:
    given = {"azureml_conn_id": "aml", "job_name": "j", "owner": "me", "poll_interval": 0.01, **options}
    made = AzureMLJobTrigger(**given)
    made.hook = hook  # type: ignore[assignment]
    return made


def try_of(number: int) -> SimpleNamespace:
    return SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=number)


def azure(status: str = "Running", owner: str = "me") -> CannedHook:
    hook = CannedHook().on("POST", BATCH, states({"j": status}))
    hook.on("GET", "/jobs/j", arm_job("j", status, properties={OWNER: owner}))
    return hook.on("POST", "/jobs/j/cancel", (202, {})).on("PATCH", "/runs/j", {})


async def event_of(made: AzureMLJobTrigger) -> dict[str, Any]:
    (event,) = [event async for event in made.run()]
    payload: dict[str, Any] = event.payload
    return payload


def test_airflow_can_make_it_again_from_its_json() -> None:
    made = trigger(CannedHook(), deadline=1.5, cancel_on_kill=False, stream_logs=True, log_offset=7)
    path, arguments = made.serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert set(arguments) == set(inspect.signature(AzureMLJobTrigger.__init__).parameters) - {"self"}


async def test_it_fires_once_the_job_has_ended() -> None:
    hook = azure("Completed")
    hook.on("POST", BATCH, states({"j": "Queued"}), states({"j": "Odd"}), states({"j": "Completed"}))
    event = await event_of(trigger(hook))
    assert event == {
        "name": "j",
        "owner": "me",
        "reason": ENDED,
        "status": "Completed",
        "error": "",
        "log_offset": 0,
    }
    assert len(hook.asked("POST", BATCH)) == 3


async def test_poll_errors_are_waited_out_and_cancel_nothing() -> None:
    hook = azure().on("POST", BATCH, BROKEN, BROKEN, states({"j": "Failed"}))
    assert (await event_of(trigger(hook)))["status"] == "Failed"
    assert hook.asked("POST", "/cancel") == []


async def test_an_answer_about_this_job_that_is_an_error_is_told_and_waited_out() -> None:
    hook = azure().on("POST", BATCH, states({}))
    hook.on("GET", "/jobs/j", UNKNOWN_JOB, UNKNOWN_JOB, arm_job("j", "Failed"))
    with capture_logs() as said:
        assert (await event_of(trigger(hook)))["status"] == "Failed"
    assert [line["log_level"] for line in said].count("warning") == 2
    assert hook.asked("POST", "/cancel") == []


class Slow(CannedHook):
    """A hook whose flows take a while."""

    async def arun(self, flow: Any) -> Any:
        await asyncio.sleep(0.2)
        return self.run(flow)


class Unopened(CannedHook):
    """A hook whose connection cannot be had, the first times."""

    problems: tuple[AzureMLError, ...] = ()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        if self.problems:
            problem, *left = self.problems
            self.problems = tuple(left)
            raise problem
        yield


AWAY = ServiceError(0, "NoConnection", "Airflow did not give connection 'aml'")


async def test_an_airflow_that_does_not_give_the_connection_is_waited_for() -> None:
    hook = Unopened().on("POST", BATCH, states({"j": "Completed"}))
    hook.problems = (AWAY, AWAY)  # type: ignore[attr-defined]
    with capture_logs() as said:
        event = await event_of(trigger(hook))
    assert (event["reason"], event["status"]) == (ENDED, "Completed")
    assert sum("Airflow did not give" in line["event"] for line in said) == 2


async def test_a_connection_that_is_never_given_is_an_event_and_no_crash(monkeypatch) -> None:
    began, hours = time.monotonic(), iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: began + 3600 * next(hours))
    hook = Unopened()
    hook.problems = (AWAY,) * 20
    event = await event_of(trigger(hook))
    assert event["reason"] == ERROR
    assert "Airflow did not give" in event["error"]


async def test_a_mistake_in_the_connection_is_an_event_at_once() -> None:
    hook = Unopened()
    hook.problems = (ConfigurationError("workspace_name", "is empty.", "Fill it in."),)
    with capture_logs() as said:
        event = await event_of(trigger(hook))
    assert (event["reason"], event["error"]) == (ERROR, "workspace_name: is empty. Fill it in.")
    assert said == []


async def test_a_deadline_that_passes_while_the_connection_is_away_is_an_event() -> None:
    hook = Unopened()
    hook.problems = (AWAY,) * 2
    event = await event_of(trigger(hook, deadline=0.0))
    assert (event["reason"], event["status"]) == (TIMEOUT, "")
    assert "Airflow did not give" in event["error"]


async def test_triggers_of_one_connection_ask_together() -> None:
    names = [f"j{n}" for n in range(150)]
    hook = CannedHook().on("POST", BATCH, states(dict.fromkeys(names, "Completed")))
    events = await asyncio.gather(*(event_of(trigger(hook, job_name=name)) for name in names))
    assert [event["name"] for event in events] == names
    assert len(hook.asked("POST", BATCH)) == 2


async def test_a_deadline_cancels_our_job_and_fires() -> None:
    hook = azure()
    event = await event_of(trigger(hook, deadline=time.time() + 0.1))
    assert (event["reason"], event["status"], event["error"]) == (TIMEOUT, "Running", "")
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "deadline"}}


async def test_a_deadline_that_passed_while_nobody_watched_cancels_at_once() -> None:
    hook = azure()
    assert (await event_of(trigger(hook, deadline=0.0)))["reason"] == TIMEOUT
    assert len(hook.asked("POST", "/cancel")) == 1


async def test_a_job_that_may_outlive_its_task_does_not_outlive_its_deadline() -> None:
    """As in a worker: `cancel_on_kill` is about a task that is ended from outside."""
    hook = azure()
    await event_of(trigger(hook, deadline=0.0, cancel_on_kill=False))
    assert len(hook.asked("POST", "/cancel")) == 1


class Edited(CannedHook):
    """A hook whose connection names another workspace after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks
        self.other = Workspace(self.workspace.cloud, "sub", "rg", "edited")
        self.other._region.append(self.workspace._region[0])
        self.on("POST", BATCH, self.batch).on("GET", "/edited/jobs/j", UNKNOWN_JOB)
        self.on("GET", "/ws/jobs/j", arm_job("j", "Running", properties={OWNER: "me"}))
        self.on("POST", "/jobs/j/cancel", (202, {})).on("PATCH", "/runs/j", {})

    def batch(self, request: Request) -> Any:
        return states({} if "/edited/" in request.url else {"j": "Running"})(request)

    async def aworkspace(self) -> Workspace:
        return self.workspace if len(self.asked("POST", BATCH)) < self.looks else self.other


async def test_an_edited_connection_does_not_move_a_cancel_away_from_the_job() -> None:
    hook = Edited(looks=1)
    event = await event_of(trigger(hook, deadline=time.time() + 0.2))
    assert (event["reason"], event["status"], event["error"]) == (TIMEOUT, "Running", "")
    (cancel,) = hook.asked("POST", "/cancel")
    assert "/workspaces/ws/" in cancel.url


async def test_a_cancel_that_does_not_find_the_job_is_a_problem_and_not_done() -> None:
    """A triggerer that began anew does not know where the job was seen."""
    hook = Edited(looks=0)
    event = await event_of(trigger(hook, deadline=time.time() + 0.1))
    assert event["reason"] == TIMEOUT
    assert "/workspaces/edited/jobs/j" in event["error"]
    with pytest.raises(NotFoundError, match="no such job"):
        await trigger(hook).cancel()
    assert hook.asked("POST", "/cancel") == []


async def test_the_deadline_of_somebody_elses_job_cancels_nothing() -> None:
    hook = azure()
    assert (await event_of(trigger(hook, deadline=0.0, owner="")))["reason"] == TIMEOUT
    assert hook.asked("POST", "/cancel") == []


async def test_a_cancel_that_failed_is_in_the_event() -> None:
    event = await event_of(trigger(azure().on("POST", "/cancel", DENIED), deadline=0.0))
    assert event["reason"] == TIMEOUT
    assert "AuthorizationFailed" in event["error"]


async def test_a_state_that_is_never_to_be_had_is_an_event_and_no_cancel(monkeypatch) -> None:
    began, hours = time.monotonic(), iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: began + 3600 * next(hours))
    hook = azure().on("POST", BATCH, states({})).on("GET", "/jobs/j", UNKNOWN_JOB)
    event = await event_of(trigger(hook))
    assert event["reason"] == ERROR
    assert "no such job" in event["error"]
    assert hook.asked("POST", "/cancel") == []


async def test_the_log_is_told_and_its_place_is_kept_for_the_next_triggerer() -> None:
    url = "https://a.blob.core.windows.net/c/std_log.txt?sig=x"
    hook = azure("Completed").on("GET", "/runs/j/details", {"logFiles": {"user_logs/std_log.txt": url}})
    hook.on("GET", "std_log.txt", (206, b"\nhello\n"), (206, b"\n"))
    with capture_logs() as said:
        event = await event_of(trigger(hook, stream_logs=True, log_offset=100))
    assert [line["event"] for line in said] == ["hello", "Job j is Completed"]
    assert event["log_offset"] == 100 + len("hello\n")
    assert hook.asked("GET", "std_log.txt")[0].headers["Range"].startswith("bytes=99-")


async def test_a_kill_cancels_our_living_job_and_says_why_on_it() -> None:
    hook = azure()
    await trigger(hook).cancel()
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "killed"}}


@pytest.mark.parametrize(
    "hook, options",
    [
        (azure(), {"owner": ""}),
        (azure(), {"cancel_on_kill": False}),
        (azure(owner="another"), {}),
        (azure("Completed"), {}),
    ],
    ids=["no owner", "may outlive its task", "somebody else's", "ended"],
)
async def test_what_is_not_to_be_cancelled_is_not(hook: CannedHook, options: dict[str, Any]) -> None:
    await trigger(hook, **options).cancel()
    assert hook.asked("POST", "/cancel") == []


async def test_a_job_that_a_newer_try_watches_is_left_to_it() -> None:
    hook = azure()
    hook.on("GET", "/jobs/j", arm_job("j", "Running", properties={OWNER: "me"}, tags={HOLDER_TAG: "2"}))
    older, newer = trigger(hook), trigger(hook)
    older.task_instance, newer.task_instance = try_of(1), try_of(2)
    await older.cancel()
    assert hook.asked("POST", "/cancel") == []
    await newer.cancel()
    assert len(hook.asked("POST", "/cancel")) == 1


async def test_a_deadlines_cancel_outlives_the_trigger_that_is_taken_away_meanwhile() -> None:
    """Airflow 2.11 takes it away at the same moment, for `execution_timeout`."""
    hook = Slow().on("POST", "/jobs/j/cancel", (202, {})).on("PATCH", "/runs/j", {})
    hook.on("GET", "/jobs/j", arm_job("j", "Running", properties={OWNER: "me"}))
    late = asyncio.create_task(event_of(trigger(hook, deadline=0.0)))
    await asyncio.sleep(0.05)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert hook.asked("POST", "/cancel") == []
    await asyncio.sleep(0.5)
    assert len(hook.asked("POST", "/cancel")) == 1


@pytest.mark.parametrize("deadline, is_overdue", [(None, False), (time.time() + 600, False), (0.0, True)])
def test_only_a_deadline_that_has_come_makes_it_overdue(deadline: float | None, is_overdue: bool) -> None:
    assert trigger(CannedHook(), deadline=deadline).is_overdue is is_overdue


async def test_a_refused_cancel_is_raised_for_the_caller_to_tell() -> None:
    with pytest.raises(DeniedError):
        await trigger(azure().on("POST", "/cancel", DENIED)).cancel()


async def test_a_cancel_that_leaves_no_trace_is_a_warning() -> None:
    with capture_logs() as said:
        await trigger(azure().on("PATCH", "/runs/j", DENIED)).cancel()
    assert "could not be marked" in said[-1]["event"]
    assert said[-1]["log_level"] == "warning"


async def test_a_trigger_that_is_taken_away_leaves_the_job_alone() -> None:
    hook = azure()
    watching = asyncio.create_task(event_of(trigger(hook, poll_interval=30)))
    await asyncio.sleep(0.05)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert hook.asked("POST", "/cancel") == []


class Stumbling(CannedHook):
    """A hook that raises this, which is no error of ours."""

    mistake: Exception

    async def arun(self, flow: Any, retry: Any = None) -> Any:
        raise self.mistake


@pytest.mark.parametrize("deadline", [None, time.time() + 3600])
async def test_a_timeout_that_is_not_the_deadlines_cancels_nothing(deadline: float | None) -> None:
    hook = azure("Completed")
    good, errors = hook.arun, [TimeoutError("from a secrets client")]

    async def arun(flow: Any, retry: Any = None) -> Any:
        if errors:
            raise errors.pop()
        return await good(flow, retry)

    hook.arun = arun  # type: ignore[method-assign]
    event = await event_of(trigger(hook, deadline=deadline))
    assert (event["reason"], event["status"]) == (ENDED, "Completed")
    assert hook.asked("POST", "/cancel") == []


async def test_a_mistake_of_ours_is_an_event_that_says_so() -> None:
    made = trigger(azure())
    made._show = lambda status: 1 / 0  # type: ignore[method-assign]
    event = await event_of(made)
    assert (event["name"], event["owner"], event["reason"]) == ("j", "me", ERROR)
    assert event["error"] == "ZeroDivisionError: division by zero"


async def test_a_deadline_whose_cancel_fails_by_a_mistake_of_ours_is_still_a_deadline() -> None:
    hook = Stumbling()
    hook.mistake = KeyError("a")
    event = await event_of(trigger(hook, deadline=0.0))
    assert (event["reason"], event["error"]) == (TIMEOUT, "KeyError: 'a'")
