# SPDX-License-Identifier: Apache-2.0
"""When a trigger cancels: once a person has really ended the task, and never else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.triggers.base import AzureMLBaseTrigger

TI = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
KEY = pytest.mark.parametrize("map_index, key", [(-1, "t"), (2, "t_2")])


class Waiting(AzureMLBaseTrigger):
    """Watches nothing; counts its cancels."""

    def __init__(self, seconds: float = 0.0, refusal: Exception | None = None) -> None:
        super().__init__("aml")
        self.seconds = seconds
        self.refusal = refusal
        self.cancelled = 0

    def arguments(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    async def watch(self) -> dict[str, Any]:
        await asyncio.sleep(self.seconds)
        return {"status": "Completed"}

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


def test_airflow_can_make_it_again_from_class_and_arguments() -> None:
    path, arguments = Waiting(2.0).serialize()
    assert path == f"{__name__}.Waiting"
    assert arguments == {"seconds": 2.0}


@pytest.mark.parametrize("state", ["failed", "success", "removed", None])
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


async def test_a_refused_cancel_is_logged_and_does_not_crash_the_triggerer(task_is) -> None:
    from structlog.testing import capture_logs

    task_is("failed")
    with capture_logs() as said:
        await deferred(refusal=DeniedError(403, "AuthorizationFailed", "no")).on_kill()
    assert any("may still run: 403 AuthorizationFailed" in line["event"] for line in said)
