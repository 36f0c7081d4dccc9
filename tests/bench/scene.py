# SPDX-License-Identifier: Apache-2.0
"""Sandbox and Airflow of one run of `triggerer.py`, and what is done with both."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench import task_log, triggerer_process
from tests.bench.azure import Azure
from tests.bench.task_log import TaskLog
from tests.bench.triggerer_process import Airflow, Memory, Triggerer

JOBS = int(os.environ.get("BENCH_JOBS", "5000"))
INTERVAL = 30.0
PATIENCE = float(os.environ.get("BENCH_PATIENCE", "300"))
QUIET = 8.0
"""Seconds without a request after which a round is over: rounds are 30 s apart, give or take 3."""
EXPERIMENT = "bench"


@dataclass(frozen=True)
class Load:
    """What a triggerer cost over some rounds.

    :param requests: per round, on all hosts
    :param cpu: percent of one core, both processes
    """

    requests: float
    cpu: float
    memory: Memory


@dataclass(frozen=True)
class Watched:
    """A start with so many jobs.

    :param seconds: from the start of the process until the last job's state was known
    :param delays: seconds from the end of a job in the service to its event
    """

    jobs: int
    seconds: float
    load: Load
    delays: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scene:
    """One workspace full of jobs, and an Airflow that waits for them."""

    cloud: Azure
    airflow: Airflow

    def prepare(self, jobs: int) -> None:
        """The database, the connection in it, and the jobs, which run until they are asked to end."""
        tell(f"a database, and {jobs} jobs")
        with ThreadPoolExecutor() as pool:
            created = pool.submit(self._create, jobs)
            self.airflow.run("airflow", "db", "migrate")
            self.airflow.add_connection("azureml_bench", self.cloud.connection)
            created.result()

    def _create(self, jobs: int) -> None:
        ends = [{"after": 0.1, "status": "Completed"}]
        self.cloud.script(EXPERIMENT, [{"after": 0, "status": "Running"}], on_cancel=ends)
        ours = {"properties": {"airflow.deployment": EXPERIMENT}}
        self.cloud.create_jobs([_name(n) for n in range(JOBS)], EXPERIMENT, **ours)
        self.cloud.create_jobs([_name(n) for n in range(JOBS, jobs)], EXPERIMENT)

    @contextmanager
    def watching(self, dag_id: str, trigger: str, jobs: range) -> Iterator[Triggerer]:
        """A fresh triggerer whose database holds a deferred task for each of these jobs."""
        tell(f"{dag_id}: {len(jobs)} deferred tasks")
        self.airflow.forget_tasks()
        if jobs:
            self.airflow.defer(dag_id, trigger, [_arguments(trigger, number) for number in jobs])
        with triggerer_process.running(self.airflow, capacity=len(jobs) + 100) as triggerer:
            yield triggerer

    def until(self, dag_id: str, count: int, what: str) -> list[TaskLog]:
        """Wait until so many triggers have logged a line that holds this text."""
        deadline = time.monotonic() + PATIENCE
        while (there := task_log.count(self.airflow.logs, dag_id, what)) < count:
            if time.monotonic() > deadline:
                problem = f"only {there} of {count} triggers have logged {what!r}"
                raise RuntimeError(f"{problem}:\n{self.airflow.triggerer_log.read_text()[-3000:]}")
            tell(f"{dag_id}: {there} of {count}")
            time.sleep(3.0)
        return task_log.read(self.airflow.logs, dag_id)

    def until_quiet(self) -> None:
        """Wait until a round is over, so that what follows is a number of whole rounds."""
        deadline = time.monotonic() + 2 * INTERVAL
        while self.cloud.asked(time.time() - QUIET, time.time()):
            if time.monotonic() > deadline:
                raise RuntimeError("there is no pause between two rounds")
            time.sleep(1.0)

    def load(self, triggerer: Triggerer, rounds: float) -> Load:
        """Measure for some rounds."""
        tell(f"{rounds:g} rounds")
        begun, cpu = time.time(), sum(triggerer.cpu())
        time.sleep(rounds * INTERVAL)
        ended, used = time.time(), sum(triggerer.cpu()) - cpu
        asked = len(self.cloud.asked(begun, ended)) / (ended - begun) * INTERVAL
        return Load(asked, 100 * used / (ended - begun), triggerer.memory())

    def watch(
        self, triggerer: Triggerer, dag_id: str, jobs: int, *, rounds: float, ending: int = 0
    ) -> Watched:
        """Wait for the first look at every job, then measure; in the first round some of the jobs end."""
        logs = self.until(dag_id, jobs, " is Running")
        self.until_quiet()
        with ThreadPoolExecutor() as pool:
            ends = pool.submit(self._end, ending)
            load = self.load(triggerer, rounds)
            ends.result()
        seconds = max(log.seen for log in logs) - triggerer.begun
        return Watched(jobs, seconds, load, tuple(self._delays(dag_id, ending)))

    def _end(self, count: int) -> None:
        for number in range(count):
            self.cloud.cancel([_name(number)])
            time.sleep(INTERVAL / count)

    def _delays(self, dag_id: str, ending: int) -> Iterator[float]:
        rows = self.cloud.control("GET", "ledger?kind=job")["value"] if ending else []
        ended = {row["subject"].rpartition("/")[2]: row["time"] for row in rows if row["effect"] == "ended"}
        for log in task_log.read(self.airflow.logs, dag_id):
            if _name(log.map_index) in ended:
                yield log.fired - ended[_name(log.map_index)]


def tell(text: str) -> None:
    """Progress, for whoever waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _name(number: int) -> str:
    """As long as the names that the provider derives."""
    return f"nightly-retraining-train-{number:020d}-0"


def _arguments(trigger: str, number: int) -> dict[str, Any]:
    """A trigger's arguments, as its operator would give them."""
    if trigger.endswith(".SleepTrigger"):
        return {"azureml_conn_id": "azureml_bench", "poll_interval": INTERVAL}
    given = {"azureml_conn_id": "azureml_bench", "job_name": _name(number), "poll_interval": INTERVAL}
    if trigger.endswith(".OneGetPerJobTrigger"):
        return given
    return {**given, "owner": _name(number)[:-2], "deadline": time.time() + 86_400.0}
