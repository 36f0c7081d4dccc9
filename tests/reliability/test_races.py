# SPDX-License-Identifier: Apache-2.0
"""A process that was given up comes back while the next try is at work, a person clears, the reaper looks.

Each interleaving is drawn from its seed. Whatever the order: nobody cancels a job that another answers for.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from tests.reliability.cancel import reap_once, timed
from tests.reliability.world.airflow_model import Task, TaskInstance
from tests.reliability.world.azure import CONNECTION, Azure, Life, azure
from tests.reliability.world.cell import JOBS, settle
from tests.reliability.world.oracle import judge
from tests.reliability.world.world import World, world

INTERLEAVINGS = 10_000 if os.environ.get("RELIABILITY_SOAK") else 700
"""With those of `test_zombies.py` they are a thousand."""
BLOCKS = 10
HEARTBEAT = (295.0, 370.0)
"""Seconds for which a worker stands still: around the moment in which Airflow gives it up and tries again."""
HANDOVER = (25.0, 60.0)
"""The same for a triggerer, around the moment in which another one takes its rows."""


class Race:
    """One interleaving."""

    def __init__(
        self, made: World, seed: int, operator: type[AzureMLRunJobOperator] = AzureMLRunJobOperator
    ) -> None:
        self.world = made
        self.dice = random.Random(seed)
        self.dag_id = f"race-{seed}"
        self.kills: list[tuple[float, float]] = []
        made.azure.lives(self.dag_id, Life(self.dice.choice((150.0, 350.0, 700.0))), Life(90.0))
        self.triggerers = [made.triggerer(), made.triggerer()]
        is_deferrable = self.dice.random() < 0.4
        kind = timed(operator, made, self.kills)
        wait = {"deferrable": is_deferrable, "poll_interval": 150.0, "stream_logs": False}
        task = Task(lambda: kind(task_id="run", job=JOBS["command"], **wait), self.dag_id, retries=4)
        self.ti: TaskInstance = made.airflow.run(task, f"run-{seed}")

    def run(self) -> None:
        """Plan what happens, and let it happen."""
        engine, dice = self.world.engine, self.dice
        for act, latest in ((self._stand_still, 60.0), (self._interfere, 420.0)):
            engine.call_in(dice.uniform(1.0, latest), act)
        for _ in range(dice.randint(0, 2)):
            engine.call_in(dice.uniform(1.0, 500.0), lambda: reap_once(self.world, grace=0.0))
        settle(self.world, self.ti)

    def _stand_still(self) -> None:
        """SIGSTOP and later SIGCONT; or a worker that Airflow does not hear, and that does not hear it."""
        workers = [each for each in self.world.airflow.workers if not each.process.ended]
        if not workers:
            triggerer = self.dice.choice(self.triggerers)
            triggerer.stall()
            self.world.engine.call_in(self.dice.uniform(*HANDOVER), triggerer.unstall)
        elif self.dice.random() < 0.3:
            workers[-1].partitioned = True
        else:
            workers[-1].process.stall()
            self.world.engine.call_in(self.dice.uniform(*HEARTBEAT), workers[-1].process.unstall)

    def _interfere(self) -> None:
        what = self.dice.choice(("nothing", "clear", "stand still", "SIGTERM"))
        if what == "clear" and self.ti.state in ("running", "deferred"):
            self.world.airflow.clear(self.ti)
        elif what == "stand still":
            self._stand_still()
        elif what == "SIGTERM":
            workers = [each for each in self.world.airflow.workers if not each.process.ended]
            for worker in workers[-1:]:
                worker.terminate()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """An Azure of this module's own: the reaper looks at all jobs of its deployment."""
    with azure(tmp_path_factory.mktemp("races")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.connection())
        patch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "races")
        yield made


def problems_of(
    cloud: Azure, seed: int, operator: type[AzureMLRunJobOperator] = AzureMLRunJobOperator
) -> list[str]:
    """What is wrong with one interleaving."""
    os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = f"races-{seed}"  # the fixture puts it back
    with world(cloud, seed=seed) as made:
        race = Race(made, seed, operator)
        race.run()
        verdict = judge(made, at_rest=False)
        slow = [f"on_kill took {end - began:.1f} s" for began, end in race.kills if end - began >= 4.0]
    found = [*verdict.foreign_cancel, *verdict.duplicate, *verdict.green_without_run, *verdict.stale, *slow]
    return [f"seed {seed}: {each}" for each in found]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_the_order_nobody_cancels_a_job_that_another_answers_for(
    block: int, cloud: Azure, count: list[str]
) -> None:
    size = INTERLEAVINGS // BLOCKS
    seeds = range(block * size, (block + 1) * size)
    assert [each for seed in seeds for each in problems_of(cloud, seed)] == []
    if block == BLOCKS - 1:
        count.append(f"races: {INTERLEAVINGS} interleavings, 0 foreign cancels, on_kill always < 4 s")


class Unfenced(AzureMLRunJobOperator):
    """An operator that does not know which try it is, so that no try is older than another."""

    try_number = None


def test_the_same_races_do_cancel_foreign_jobs_without_the_fence_of_tries(cloud: Azure) -> None:
    found = [each for seed in range(60) for each in problems_of(cloud, seed, Unfenced)]
    assert any(" of try 1, while " in each for each in found), found
