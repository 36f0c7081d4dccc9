# SPDX-License-Identifier: Apache-2.0
"""Triggerers come and go; nobody wants a job cancelled, so none is."""

from __future__ import annotations

import random
from typing import Any

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.reliability.trusting import TrustingOperator
from tests.reliability.world.airflow_model import Task, TaskInstance
from tests.reliability.world.azure import Azure, Life
from tests.reliability.world.cell import JOBS
from tests.reliability.world.triggerer import Triggerer
from tests.reliability.world.world import World, world

RESTARTS = 1_000
TASKS = 3
PAUSES = (5.0, 60.0)
"""Seconds between two of them; a triggerer that is silent for 30 s loses its rows."""


class Fleet:
    """Two triggerers, one of which something happens to."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.triggerers = [made.triggerer(), made.triggerer()]
        self.counts = dict.fromkeys(("redeployed", "killed", "taken over"), 0)

    def disturb(self, dice: random.Random) -> float:
        """Do something; returns the seconds until it is over."""
        index, pause = dice.randrange(2), dice.uniform(*PAUSES)
        triggerer = self.triggerers[index]
        what = dice.choice(list(self.counts))
        self.counts[what] += 1
        if what == "taken over":  # it wakes up after another one has its rows, and knows nothing of it
            triggerer.stall()
            self.world.engine.call_in(pause, triggerer.unstall)
            return pause + 5.0
        if what == "redeployed":
            triggerer.stop()
        else:
            triggerer.kill()
        self.triggerers[index] = self._next(pause)
        return pause

    def _next(self, pause: float) -> Triggerer:
        return self.world.triggerer(delay=pause / 2)


def deferred_tasks(
    made: World, kind: type[AzureMLRunJobOperator] = AzureMLRunJobOperator
) -> list[TaskInstance]:
    dag_id = f"restarts-{id(made)}"
    made.azure.lives(dag_id, Life(10_000_000.0, ""))

    def operator() -> Any:
        return kind(
            task_id="run", job=JOBS["command"], deferrable=True, poll_interval=60.0, stream_logs=False
        )

    task = Task(operator, dag_id)
    tasks = [made.airflow.run(task, f"run-{number}") for number in range(TASKS)]
    made.engine.run(until=made.engine.now + 60.0)
    assert {ti.state for ti in tasks} == {"deferred"}
    return tasks


def restart(fleet: Fleet, times: int, seed: int) -> None:
    """So many restarts in a row."""
    dice, engine, airflow = random.Random(seed), fleet.world.engine, fleet.world.airflow
    for _ in range(times):
        engine.run(until=engine.now + fleet.disturb(dice))
        airflow.triggerers[:] = [each for each in airflow.triggerers if not each.process.ended]


def test_a_thousand_restarts_of_triggerers_cancel_nothing(cloud: Azure, count: list[str]) -> None:
    with world(cloud, seed=4) as made:
        fleet = Fleet(made)
        tasks = deferred_tasks(made)
        restart(fleet, RESTARTS, seed=4)
        rows = made.azure.ledger()
        assert [row.effect for row in rows if row.effect != "started"] == ["created"] * TASKS
        assert {ti.state for ti in tasks} == {"deferred"}
        assert {ti.try_number for ti in tasks} == {1}
        moves = sum(len(row.triggerers) - 1 for row in made.airflow.triggers.values())
        assert moves > RESTARTS / 4, "hardly ever did another triggerer take over"
        # They are still watched: a job that ends is seen.
        for row in rows[:TASKS]:
            if row.effect == "created":
                made.azure.cancel_as_person(row.subject.rpartition("/")[2])
        made.engine.run(until=made.engine.now + 600.0)
        assert {ti.state for ti in tasks} == {"failed"}
    told = ", ".join(f"{number} {what}" for what, number in fleet.counts.items())
    count.append(f"triggerer restarts: {RESTARTS} ({told}), {moves} rows taken over, 0 cancels")


def test_the_same_restarts_do_cancel_the_job_of_a_trigger_that_takes_airflow_at_its_word(
    cloud: Azure,
) -> None:
    with world(cloud, seed=4) as made:
        fleet = Fleet(made)
        deferred_tasks(made, TrustingOperator)
        restart(fleet, 40, seed=4)
        assert "cancel-requested" in {row.effect for row in made.azure.ledger()}
