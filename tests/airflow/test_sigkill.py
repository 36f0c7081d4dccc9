# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of workers, the triggerer and the scheduler at seeded moments of runs with three tasks.

`RELIABILITY_SOAK=1` makes it twenty runs in place of five; `RELIABILITY_SEED` repeats a failure.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.airflow.deployment import Deployment, until
from tests.airflow.ledger import Ledger
from tests.airflow.person import SECONDS, Person

pytestmark = pytest.mark.timeout(3600)
DAG, TOGETHER = "battered", 5
RUNS = 20 if os.environ.get("RELIABILITY_SOAK") == "1" else 5
SEED = int(os.environ.get("RELIABILITY_SEED") or 4)
VICTIMS = ("task", "worker", "triggerer", "scheduler")
WITH_JOB = ("prep", "train")


class Killer:
    """Kills processes of a deployment, and starts the next of their kind as systemd would.

    :param run_ids: of the runs whose workers it aims at.
    """

    def __init__(self, deployment: Deployment, run_ids: list[str], dice: random.Random) -> None:
        self._deployment = deployment
        self._run_ids = run_ids
        self._dice = dice
        self.deeds: list[str] = []

    def strike(self, victim: str) -> None:
        """Kill a component with all below it, or one process of it.

        Not the scheduler alone: its workers would keep its connection to the database open, with
        rows locked that no other scheduler would ever see again. A machine or a container that is
        lost, and systemd, end them too.
        """
        alone = victim in ("worker", "triggerer") and self._dice.random() < 0.5
        self.deeds.append(f"{victim}{' alone' if alone else ''}")
        if victim in ("task", "worker"):
            self._worker(victim, alone)
        else:
            self._deployment.kill(victim, alone)
            self._deployment.start(victim)

    def _worker(self, victim: str, alone: bool) -> None:
        with suppress(psutil.NoSuchProcess):  # it has ended while we took aim
            task = psutil.Process(int(until("a task runs", SECONDS, self._aim)))
            worker = task.parent()
            if worker is not None and victim == "worker":
                worker.kill()
            if victim == "task" or not alone:
                task.kill()

    def _aim(self) -> int | None:
        query = "SELECT pid FROM task_instance WHERE run_id = ANY(%s) AND state='running' AND pid IS NOT NULL"
        found = [pid for (pid,) in self._deployment.rows(query, self._run_ids)]
        return self._dice.choice(found) if found else None


def moments(dice: random.Random, kills: int) -> Iterator[float]:
    """Seconds until the next kill."""
    for _ in range(kills):
        yield dice.uniform(1.0, 8.0)


def result(deployment: Deployment, person: Person) -> str:
    """The job that a task's result names."""
    query = "SELECT value FROM xcom WHERE dag_id=%s AND run_id=%s AND task_id=%s AND key='return_value'"
    ((value,),) = deployment.rows(query, DAG, person.run_id, person.task_id)
    return str(value["name"])


@pytest.mark.parametrize("batch", range(RUNS // TOGETHER))
def test_whatever_is_killed_each_task_has_one_job_at_a_time_and_one_result(
    deployment: Deployment, ledger: Ledger, batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(SEED * 1000 + batch)
    until("the DAG is parsed", SECONDS, lambda: deployment.airflow.knows(DAG))
    run_ids = [f"{SEED}-{batch}-{number}" for number in range(TOGETHER)]
    killer = Killer(deployment, run_ids, dice)
    people = [Person(deployment, ledger, DAG, "prep", run_id) for run_id in run_ids]
    victims = dice.sample(VICTIMS * 2, 2 * len(VICTIMS))
    for person in people:
        person.start()
    people[0].sees("running", "success", "up_for_retry")
    for pause, victim in zip(moments(dice, len(victims)), victims, strict=True):
        time.sleep(pause)
        killer.strike(victim)
    with capsys.disabled():
        print(f"\nseed {SEED}, batch {batch}: SIGKILL of {', '.join(killer.deeds)}")
    for run_id in run_ids:
        check(deployment, ledger, run_id)


def check(deployment: Deployment, ledger: Ledger, run_id: str) -> None:
    """All three tasks succeed, and the ledger agrees with their results."""
    for task in (*WITH_JOB, "seen"):
        Person(deployment, ledger, DAG, task, run_id).sees("success", "failed", "upstream_failed")
    for task in (*WITH_JOB, "seen"):
        person = Person(deployment, ledger, DAG, task, run_id)
        assert person.instance()[0] == "success", person
        if task in WITH_JOB:
            name = result(deployment, person)
            stories = person.jobs()
            assert [job.name for job in stories if job.status == "Completed"] == [name], stories
            assert all(job.has_ended for job in stories), stories
            assert ledger.most_active(person.prefix) == 1
