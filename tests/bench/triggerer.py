# SPDX-License-Identifier: Apache-2.0
"""Thousands of deferred jobs in one real `airflow triggerer` on PostgreSQL, against the sandbox.

Beside it, in the same run: triggers that only sleep (Airflow's own share), and triggers that ask for
their job alone. `BENCH_JOBS` makes it smaller while one works on it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import azure, postgres
from tests.bench.figure import Figure
from tests.bench.scene import INTERVAL, JOBS, PATIENCE, Load, Scene, Watched, tell
from tests.bench.triggerer_process import Airflow, Memory

ALONE = JOBS // 10
"""So many jobs are watched with one GET each; more of them, and the sandbox would be what is measured."""
ENDING = JOBS // 50
"""So many jobs end, spread over one interval."""
DOUBLE = 2 * JOBS
OURS = "airflow_provider_azureml.triggers.job.AzureMLJobTrigger"
SLEEP = "tests.bench.compared_triggers.SleepTrigger"
GET = "tests.bench.compared_triggers.OneGetPerJobTrigger"
CLOSED = {
    "match": {"path": "/batchrundata$", "count": None},
    "phase": "before",
    "action": {"status": 403, "body": {"error": {"code": "Forbidden", "message": "closed"}}},
}


def figures() -> Iterator[Figure]:
    """The lines of ``make bench``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL's user passes through
        with postgres.server(folder) as url, azure.running(folder) as cloud:
            variables = cloud.sandbox.description["environment"]
            yield from _measured(Scene(cloud, Airflow(folder / "airflow", url, variables)))


def _measured(scene: Scene) -> Iterator[Figure]:
    scene.prepare(DOUBLE + ENDING)
    empty = _empty(scene)
    sleeping = _sleeping(scene)
    alone = _alone(scene)
    ours, listed = _ours(scene)
    yield from _requests(ours, listed, alone)
    yield from _cost(ours, sleeping, alone, empty)
    yield _first_poll(scene)
    yield _events(ours)
    yield from _doubled(_double(scene), empty)


def _empty(scene: Scene) -> Memory:
    """Memory of a triggerer that has nothing to do."""
    tell("an empty triggerer")
    with scene.watching("empty", SLEEP, range(0)) as triggerer:
        time.sleep(20)
        return triggerer.memory()


def _sleeping(scene: Scene) -> Watched:
    """What Airflow itself costs: as many triggers that look the connection up, once for all, and sleep."""
    with scene.watching("sleeping", SLEEP, range(JOBS)) as triggerer:
        logs = scene.until("sleeping", JOBS, " starting")
        seconds = max(log.begun for log in logs) - triggerer.begun
        return Watched(JOBS, seconds, scene.load(triggerer, 0.5))


def _alone(scene: Scene) -> Load:
    """One GET per job."""
    with scene.watching("alone", GET, range(ALONE)) as triggerer:
        scene.until("alone", ALONE, " starting")
        return scene.load(triggerer, 1)


def _ours(scene: Scene) -> tuple[Watched, Load]:
    """The provider's trigger: three rounds, in the first of which some jobs end; then the list fallback."""
    with scene.watching("ours", OURS, range(JOBS)) as triggerer:
        watched = scene.watch(triggerer, "ours", JOBS, rounds=3, ending=ENDING)
        scene.until_quiet()
        scene.cloud.control("POST", "faults", CLOSED)
        tell("the batch endpoint is closed")
        listed = scene.load(triggerer, 1)
        scene.cloud.control("DELETE", "faults")
    return watched, listed


def _double(scene: Scene) -> Watched:
    with scene.watching("double", OURS, range(ENDING, DOUBLE + ENDING)) as triggerer:
        return scene.watch(triggerer, "double", DOUBLE, rounds=1)


def _requests(ours: Watched, listed: Load, alone: Load) -> Iterator[Figure]:
    beside = f"one GET per job: {alone.requests:.0f} for {ALONE} jobs, so {JOBS} for all"
    yield Figure(f"{JOBS} jobs, requests per round", ours.load.requests, "requests", _share(60), beside)
    beside = f"where the batch endpoint is closed; {listed.cpu:.1f} % of one core"
    yield Figure(f"{JOBS} jobs, by ARM's list", listed.requests, "requests", JOBS, beside)


def _cost(ours: Watched, sleeping: Watched, alone: Load, empty: Memory) -> Iterator[Figure]:
    times = JOBS / ALONE
    beside = f"Airflow alone {sleeping.load.cpu:.1f} %; one GET per job {alone.cpu:.1f} % for {ALONE} jobs, "
    beside += f"times {times:.0f} is {times * alone.cpu:.0f} %"
    yield Figure(f"{JOBS} jobs, CPU", ours.load.cpu, "% of core", 25, beside)
    yield _memory(ours, empty, sleeping)
    beside = (
        f"from the start of the process; Airflow alone starts {JOBS} triggers in {sleeping.seconds:.0f} s"
    )
    yield Figure(f"{JOBS} jobs, all watched", ours.seconds, "s", 60, beside)


def _memory(watched: Watched, empty: Memory, sleeping: Watched | None = None) -> Figure:
    resident, proportional = watched.load.memory.per_job(empty, watched.jobs)
    beside = f"resident, above an empty triggerer; proportional {proportional:.0f} KB"
    if sleeping:
        alone = sleeping.load.memory.per_job(empty, sleeping.jobs)
        beside += f"; Airflow alone {alone[0]:.0f} and {alone[1]:.0f} KB"
    return Figure(f"{watched.jobs} jobs, memory per job", resident, "KB", 60, beside)


def _first_poll(scene: Scene) -> Figure:
    """Sign-in, discovery and the first request about jobs, in a fresh process."""
    variables = {**scene.airflow.environment, **scene.cloud.connection_variable}
    command = [sys.executable, "-m", "tests.bench.first_poll"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=True)
    known = float(done.stdout.splitlines()[-1])
    asked = scene.cloud.asked(known, known + 60)
    first = next(line["time"] for line in asked if line["path"].endswith("/batchrundata"))
    beside = (
        f"{asked.index(next(x for x in asked if x['time'] == first))} requests of sign-in and discovery first"
    )
    return Figure("first poll, connection known", first - known, "s", 2, beside)


def _events(ours: Watched) -> Figure:
    delays = sorted(ours.delays)
    beside = f"of {len(delays)} jobs; median {delays[len(delays) // 2]:.1f} s, longest {delays[-1]:.1f} s"
    late = delays[int(0.95 * len(delays))]
    return Figure("Completed to event fired, p95", late, "s", 1.2 * INTERVAL, beside)


def _doubled(double: Watched, empty: Memory) -> Iterator[Figure]:
    """Twice the jobs: twice the goals, except for what a job costs, and for the start, which is Airflow's."""
    yield Figure(f"{DOUBLE} jobs, requests per round", double.load.requests, "requests", _share(120), "")
    yield Figure(f"{DOUBLE} jobs, CPU", double.load.cpu, "% of core", 50, "")
    yield _memory(double, empty)
    beside = "from the start of the process; they hold: no goal but that all are watched before we give up"
    yield Figure(f"{DOUBLE} jobs, all watched", double.seconds, "s", PATIENCE, beside)


def _share(goal: int) -> int:
    """The goal for 5,000 jobs, for as many as there are."""
    return -(-goal * JOBS // 5000)
