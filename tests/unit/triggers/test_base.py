# SPDX-License-Identifier: Apache-2.0
"""When a trigger cancels: once a person has really ended the task, and never else."""

from __future__ import annotations

import asyncio
import time
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from airflow_provider_azureml.compat import TaskSight
from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.triggers.base import AzureMLBaseTrigger, is_abandoned

TI = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
KEY = pytest.mark.parametrize("map_index, key", [(-1, "t"), (2, "t_2")])


class Waiting(AzureMLBaseTrigger):
    """Watches nothing; counts its cancels."""

    def __init__(
        self, seconds: float = 0.0, refusal: Exception | None = None, mistake: Exception | None = None
    ) -> None:
        super().__init__("aml")
        self.seconds = seconds
        self.refusal = refusal
        self.mistake = mistake
        self.cancelled = 0

    def arguments(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    async def watch(self) -> dict[str, Any]:
        await asyncio.sleep(self.seconds)
        if self.mistake:
            raise self.mistake
        return {"status": "Completed"}

    def broken(self, error: str) -> dict[str, Any]:
        return {"error": error}

    async def cancel(self) -> None:
        await asyncio.sleep(0.05)
        self.cancelled += 1
        if self.refusal:
            raise self.refusal


@pytest.fixture
def task_is(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's answer to the question which state a task instance is in."""

    def answer(state: str | None, key: str = "t") -> None:
        from airflow.sdk.execution_time.comms import TaskStatesResult

        states = {"r": {key: state}} if state else {}
        supervisor = SimpleNamespace(send=lambda message: TaskStatesResult(task_states=states))
        monkeypatch.setattr(
            "airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", supervisor, raising=False
        )

    return answer


def deferred(map_index: int = -1, **options: Any) -> Waiting:
    made = Waiting(**options)
    made.task_instance = SimpleNamespace(**{**vars(TI), "map_index": map_index})
    return made


async def test_a_wait_ends_in_one_event() -> None:
    events = [event async for event in Waiting().run()]
    assert [event.payload for event in events] == [{"status": "Completed"}]


@pytest.mark.parametrize("mistake", [KeyError("a"), RuntimeError("a"), TimeoutError("a"), zlib.error("a")])
async def test_a_mistake_of_ours_is_an_event_and_is_logged_with_its_traceback(mistake: Exception) -> None:
    """Airflow fails the task of a trigger that raises, and our operator then cancels its job."""
    with capture_logs() as said:
        (event,) = [event async for event in Waiting(mistake=mistake).run()]
    assert event.payload == {"error": f"{type(mistake).__name__}: {mistake}"}
    assert [(line["log_level"], line["exc_info"]) for line in said] == [("error", mistake)]


def test_airflow_can_make_it_again_from_class_and_arguments() -> None:
    path, arguments = Waiting(2.0).serialize()
    assert path == f"{__name__}.Waiting"
    assert arguments == {"seconds": 2.0}


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "upstream_failed", "removed", None])
async def test_a_task_that_a_person_ended_takes_its_work_with_it(task_is, state: str | None) -> None:
    task_is(state)
    killed = deferred()
    await killed.on_kill()
    assert killed.cancelled == 1


@KEY
async def test_a_task_that_is_still_deferred_has_only_changed_its_triggerer(
    task_is, map_index: int, key: str
) -> None:
    task_is("deferred", key)
    moved = deferred(map_index)
    await moved.on_kill()
    assert moved.cancelled == 0


@pytest.mark.parametrize("state", ["scheduled", "queued", "running", "restarting", "up_for_retry", "new"])
async def test_a_task_that_goes_on_cancels_what_it_has_to_by_itself(task_is, state: str) -> None:
    """It has been given the event of another triggerer, or a newer try watches the very same job."""
    task_is(state)
    taken_away = deferred()
    await taken_away.on_kill()
    assert taken_away.cancelled == 0


GOING_ON = ("scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule", "new")
OVER = ("failed", "success", "skipped", "upstream_failed", "removed", None)


@pytest.mark.parametrize(
    "states, current_try, is_overdue, is_left_alone",
    [
        (OVER, None, False, True),  # Airflow 3 tells no try
        (OVER, 2, False, True),
        (OVER, 3, False, False),  # a newer try ended it, and answers for it
        (GOING_ON, None, False, False),
        (GOING_ON, 2, False, False),
        (GOING_ON, 3, True, False),
        (GOING_ON, None, True, False),
        (GOING_ON, 2, True, True),  # 2.11 ends it for `execution_timeout`, without a word to us
        (("deferred",), None, False, False),
        (("deferred",), 2, False, False),
        (("deferred",), 2, True, False),  # another triggerer has it, and cancels at the deadline
        (("deferred",), 3, True, False),
    ],
)
def test_who_answers_for_the_job_of_a_trigger_that_was_taken_away(
    states: tuple[str | None, ...], current_try: int | None, is_overdue: bool, is_left_alone: bool
) -> None:
    for state in states:
        seen = TaskSight(state, current_try)
        assert is_abandoned(seen, own_try=2, is_overdue=is_overdue) is is_left_alone, state


@pytest.mark.parametrize("state, current_try", [("failed", 7), ("running", 7), (None, None)])
def test_a_trigger_that_does_not_know_its_try_goes_by_the_state(
    state: str | None, current_try: int | None
) -> None:
    expected = state != "running"
    assert is_abandoned(TaskSight(state, current_try), own_try=None, is_overdue=True) is expected


async def test_an_airflow_that_does_not_say_is_asked_again_and_then_nothing_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def silent(message: Any) -> None:
        asked.append(message)
        raise ConnectionResetError("the supervisor is gone")

    async def at_once(seconds: float) -> None:
        """Time passes."""

    runner = "airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS"
    monkeypatch.setattr(runner, SimpleNamespace(send=silent), raising=False)
    monkeypatch.setattr(asyncio, "sleep", at_once)
    unknown = deferred()
    with capture_logs() as said:
        await unknown.on_kill()
    assert (len(asked), unknown.cancelled) == (3, 0)
    assert "airflow azureml reap" in said[-1]["event"]
    assert said[-1]["log_level"] == "error"


async def test_without_a_task_instance_nothing_is_cancelled() -> None:
    unknown = Waiting()
    unknown.task_instance = None
    await unknown.on_kill()
    assert unknown.cancelled == 0


async def test_a_cancel_outlives_airflows_second(task_is) -> None:
    task_is("failed")
    killed = deferred()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(killed.on_kill(), 0.01)
    assert killed.cancelled == 0
    await asyncio.sleep(0.3)
    assert killed.cancelled == 1


async def test_a_triggerer_that_shuts_down_cancels_nothing() -> None:
    """Airflow 3.3 calls `on_kill` itself; a CancelledError alone is a triggerer that ends."""
    ended = deferred(seconds=60)
    watching = asyncio.create_task(anext(ended.run()))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert ended.cancelled == 0


async def test_a_cancel_insists_while_azure_is_away_and_asks_each_time_how_the_task_is(
    task_is, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    states = iter(["failed", "failed", "running"])

    async def at_once(seconds: float) -> None:
        if seconds >= 30:
            slept.append(seconds)
            task_is(next(states))

    task_is(next(states))
    monkeypatch.setattr(asyncio, "sleep", at_once)
    away = deferred(refusal=UnreachableError(503, "x", "later", retry_after=45.0))
    await away.on_kill()
    assert away.cancelled == 2  # then a newer try began, which answers for the job
    assert slept == [45.0, 45.0]


async def test_a_cancel_does_not_insist_for_ever(task_is, monkeypatch: pytest.MonkeyPatch) -> None:
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    async def at_once(seconds: float) -> None:
        passed[0] += 1000.0

    monkeypatch.setattr(asyncio, "sleep", at_once)
    task_is("failed")
    away = deferred(refusal=UnreachableError(503, "x", "later"))
    with capture_logs() as said:
        await away.on_kill()
    assert 1 < away.cancelled < 10
    assert said[-1]["log_level"] == "error"


async def test_a_refused_cancel_is_logged_and_does_not_crash_the_triggerer(task_is) -> None:
    task_is("failed")
    with capture_logs() as said:
        await deferred(refusal=DeniedError(403, "AuthorizationFailed", "no")).on_kill()
    assert any("may still run: 403 AuthorizationFailed" in line["event"] for line in said)


async def test_a_cancel_that_fails_by_a_mistake_of_ours_is_told(task_is) -> None:
    task_is("failed")
    killed = deferred(refusal=KeyError("a"))
    with capture_logs() as said:
        await killed.on_kill()
    assert "may still run: KeyError: 'a'" in said[-1]["event"]
    assert said[-1]["log_level"] == "error"
