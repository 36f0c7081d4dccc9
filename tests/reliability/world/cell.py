# SPDX-License-Identifier: Apache-2.0
"""The cells of the matrix: what kind of job, how the task waits, what becomes of the job meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.reliability.world.airflow_model import Task, TaskInstance
from tests.reliability.world.azure import Life
from tests.reliability.world.world import World

REGISTRY = "azureml://registries/azureml"
JOBS: dict[str, dict[str, Any]] = {
    "command": {
        "type": "command",
        "command": "python train.py",
        "environment": f"{REGISTRY}/environments/sklearn-1.5/versions/1",
    },
    "pipeline": {
        "properties": {
            "jobType": "Pipeline",
            "jobs": {"train": {"type": "command", "componentId": f"{REGISTRY}/components/train/versions/1"}},
        }
    },
}
WAITS: dict[str, dict[str, Any]] = {
    "sync": {},
    "deferrable": {"deferrable": True},
    "no wait": {"wait_for_completion": False},
}
#: The first job's life; those after it complete. A killed worker is missed after 300 s.
OUTCOMES = {
    "running": Life(800.0),
    "finished": Life(130.0),
    "failed": Life(130.0, "Failed"),
    "cancelled": Life(100_000.0),
}
PERSON_CANCELS_AFTER = 130.0
POLL = 120.0
AFTERMATH = 60.0
"""Seconds that a trigger's `on_kill` and a job's cancel may take after the task has its end."""
Operator = Callable[..., Any]
_runs = itertools.count(1)


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    :param operator: made with `task_id` and the arguments of kind and wait.
    """

    kind: str
    wait: str
    outcome: str
    operator: Operator = AzureMLRunJobOperator
    retries: int = 3

    def __str__(self) -> str:
        return f"{self.kind}, {self.wait}, {self.outcome}"

    @property
    def ends(self) -> set[str]:
        """How the task may end. A job that a person cancelled ends it, and no retry is made."""
        if self.outcome != "cancelled":
            return {"success"}
        return {"failed"} if self.wait != "no wait" else {"failed", "success"}

    def begin(self, world: World) -> TaskInstance:
        """A run of a DAG with this task begins in the world, a triggerer stands by."""
        number = next(_runs)
        dag_id = f"dag-{number}"
        first = OUTCOMES[self.outcome]
        world.azure.lives(dag_id, *([first] if self.outcome == "running" else [first, Life(130.0)]))
        if self.outcome == "cancelled":
            person_cancels(world, dag_id)
        world.triggerer()
        return world.airflow.run(self.task(dag_id), f"run-{number}")

    def task(self, dag_id: str) -> Task:
        """The task as the DAG file has it."""
        arguments = {"job": JOBS[self.kind], "poll_interval": POLL, "stream_logs": False, **WAITS[self.wait]}
        waits = self.wait != "no wait"
        return Task(
            lambda: self.operator(task_id="run", **arguments), dag_id, waits=waits, retries=self.retries
        )

    def run(self, world: World) -> TaskInstance:
        """The whole run, until Airflow and Azure are both at rest."""
        ti = self.begin(world)
        settle(world, ti)
        return ti


CELLS = [Cell(kind, wait, outcome) for kind in JOBS for wait in WAITS for outcome in OUTCOMES]


def settle(world: World, ti: TaskInstance) -> None:
    """Let time pass until the task has its end and no process of it is left."""

    def at_rest() -> bool:
        over = ti.state in ("success", "failed", "removed")
        return over and all(worker.process.ended for worker in world.airflow.workers)

    while not at_rest():
        # A triggerer that died is replaced, as every deployment does.
        if not _triggerer_lives(world):
            world.triggerer(delay=5.0)
        if world.engine.is_idle:
            raise AssertionError(f"nobody comes for {ti.key}: {ti.history}")
        world.engine.run(done=lambda: at_rest() or not _triggerer_lives(world))
        if at_rest():
            world.engine.run(until=world.engine.now + AFTERMATH)


def _triggerer_lives(world: World) -> bool:
    return any(not each.process.ended for each in world.airflow.triggerers)


def person_cancels(world: World, dag_id: str) -> None:
    """Somebody cancels the DAG's first job in the Studio, a while after it was submitted."""

    def look() -> None:
        created = [row for row in world.azure.ledger() if row.effect == "created" and not row.after["parent"]]
        if not created:
            world.engine.call_in(10.0, look)
            return
        name = created[0].subject.rpartition("/")[2]
        moment = created[0].time - world.engine.epoch + PERSON_CANCELS_AFTER
        world.engine.call_at(moment, lambda: world.azure.cancel_as_person(name) and None)

    world.engine.call_in(10.0, look)
