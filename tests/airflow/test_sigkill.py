# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of workers, the triggerer and the scheduler at seeded moments of runs with three tasks.

`RELIABILITY_SOAK=1` makes it twenty runs in place of five; `RELIABILITY_SEED` repeats a failure.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pytest

from tests.airflow.deployment import Deployment, until
from tests.airflow.ledger import Ledger
from tests.airflow.person import SECONDS, Person

pytestmark = pytest.mark.timeout(3600)
DAG, TOGETHER = "battered", 5
RUNS = 20 if os.environ.get("RELIABILITY_SOAK") == "1" else 5
SEED = int(os.environ.get("RELIABILITY_SEED") or 4)
VICTIMS = ["task", "worker", "triggerer", "scheduler"]
TASKS, OVER = ("prep", "train", "seen"), ("success", "failed", "upstream_failed")
EACH = 2
"""Blows to each run."""


@dataclass(frozen=True)
class Blow:
    """SIGKILL of a victim, some seconds after a task of the run has begun.

    `alone` spares what is below a triggerer, and the task below a worker. Never the scheduler's
    workers: they would keep its connection to the database open, with rows locked that no other
    scheduler would ever see again. A lost machine or container, and systemd, end them too.
    """

    task: str
    pause: float
    victim: str
    alone: bool

    def __repr__(self) -> str:
        return f"{self.victim}{' alone' * self.alone} {self.pause:.1f} s into {self.task}"


class Killer:
    """Kills processes of a deployment, and starts the next of their kind as systemd would.

    :param run_ids: of the runs whose workers it aims at.
    """

    def __init__(self, deployment: Deployment, run_ids: list[str], dice: random.Random) -> None:
        self._deployment = deployment
        self._run_ids = run_ids
        self._dice = dice
        self._lock = threading.Lock()

    def strike(self, blow: Blow) -> None:
        """Kill a component, or a worker or a task of these runs."""
        if blow.victim in ("task", "worker"):
            self._worker(blow)
            return
        with self._lock:
            self._deployment.kill(blow.victim, blow.alone)
            self._deployment.start(blow.victim)

    def _worker(self, blow: Blow) -> None:
        with suppress(psutil.NoSuchProcess):  # it has ended while we took aim
            pid = until("a task runs, or all have ended", SECONDS, lambda: self._aim() or self._over())
            task = psutil.Process(pid)
            worker = task.parent()
            if worker is not None and blow.victim == "worker":
                worker.kill()
            if not blow.alone:
                task.kill()

    def _aim(self) -> int | None:
        query = "SELECT pid FROM task_instance WHERE run_id = ANY(%s) AND state='running' AND pid IS NOT NULL"
        found = [pid for (pid,) in self._deployment.rows(query, self._run_ids)]
        return self._dice.choice(found) if found else None

    def _over(self) -> bool:
        """Whether nothing is left to aim at; raises psutil.NoSuchProcess then."""
        query = "SELECT count(*) FROM task_instance WHERE run_id = ANY(%s) AND state = ANY(%s)"
        ended = self._deployment.rows(query, self._run_ids, list(OVER))[0][0]
        if ended == len(TASKS) * len(self._run_ids):
            raise psutil.NoSuchProcess(0)
        return False


def plans(dice: random.Random) -> list[list[Blow]]:
    """For each run its blows, in the order of its tasks."""
    victims = (VICTIMS * TOGETHER)[: EACH * TOGETHER]
    dice.shuffle(victims)
    return [[_blow(dice, task, victims.pop()) for task in _some_tasks(dice)] for _ in range(TOGETHER)]


def _some_tasks(dice: random.Random) -> list[str]:
    return sorted(dice.sample(TASKS, EACH), key=TASKS.index)


def _blow(dice: random.Random, task: str, victim: str) -> Blow:
    alone = victim in ("worker", "triggerer") and dice.random() < 0.5
    return Blow(task, dice.uniform(0.0, 4.0), victim, alone)


def suffer(killer: Killer, people: Mapping[str, Person], blows: list[Blow]) -> None:
    """One run, from its start to its end, with its blows."""
    people["prep"].start()
    for blow in blows:
        people[blow.task].sees("running", "deferred", *OVER)
        time.sleep(blow.pause)
        killer.strike(blow)
    for person in people.values():
        person.sees(*OVER)


def result(deployment: Deployment, person: Person) -> str:
    """The job that a task's result names."""
    query = "SELECT value FROM xcom WHERE dag_id=%s AND run_id=%s AND task_id=%s AND key='return_value'"
    ((value,),) = deployment.rows(query, DAG, person.run_id, person.task_id)
    return str(value["name"])


@pytest.mark.parametrize("batch", range(RUNS // TOGETHER))
def test_whatever_is_killed_each_task_has_one_job_at_a_time_and_one_result(
    deployment: Deployment, ledger: Ledger, batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.make_whole()
    dice = random.Random(SEED * 1000 + batch)
    until("the DAG is parsed", SECONDS, lambda: deployment.airflow.knows(DAG))
    runs = [
        {task: Person(deployment, ledger, DAG, task, f"{SEED}-{batch}-{number}") for task in TASKS}
        for number in range(TOGETHER)
    ]
    killer, schedule = Killer(deployment, [people["prep"].run_id for people in runs], dice), plans(dice)
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}, batch {batch}: SIGKILL of {schedule}\n")
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda people, blows: suffer(killer, people, blows), runs, schedule))
    for people in runs:
        check(deployment, ledger, people)


def check(deployment: Deployment, ledger: Ledger, people: Mapping[str, Person]) -> None:
    """All three tasks have succeeded, and the ledger agrees with their results."""
    for task, person in people.items():
        assert person.instance()[0] == "success", person
        if task != "seen":
            name, stories = result(deployment, person), person.jobs()
            assert [job.name for job in stories if job.status == "Completed"] == [name], stories
            assert all(job.has_ended for job in stories), stories
            assert ledger.most_active(person.prefix) == 1
