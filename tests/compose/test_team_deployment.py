# SPDX-License-Identifier: Apache-2.0
"""The services of ``docker-compose.yaml``, as processes: real PostgreSQL, Redis, Celery, two triggerers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from demo import nightly
from demo.airflow import Airflow
from tests.compose.compose_file import REPOSITORY
from tests.compose.deployment import Deployment, prepared

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

TRIGGERERS = {"triggerer-1", "triggerer-2"}
TASKS = {"rotate_secret", "land", "prep", "train", "register"}


@pytest.fixture(scope="module")
def team() -> Iterator[tuple[Deployment, Airflow]]:
    with prepared(REPOSITORY / "dags_examples") as deployment, closing(deployment.start()) as airflow:
        yield deployment, airflow


def heartbeats(airflow: Airflow, job_type: str) -> dict[str, str]:
    """Service -> when its running job was last heard of."""
    jobs = airflow.get("/jobs", job_type=job_type, job_state="running")["jobs"]
    return {job["hostname"]: job["latest_heartbeat"] for job in jobs}


def test_every_health_check_of_the_file_passes(team):
    deployment, _ = team
    checked = [service for service in deployment.services.values() if service.health]
    assert [service.name for service in checked if not deployment.healthy(service)] == []


def test_the_health_check_of_a_triggerer_that_does_not_run_fails(team):
    deployment, _ = team
    triggerer = deployment.services["triggerer-1"]
    absent = replace(triggerer, environment={**triggerer.environment, "SERVICE_NAME": "triggerer-3"})
    assert not deployment.healthy(absent)


def test_the_nightly_dag_succeeds_on_the_celery_worker_with_both_triggerers_up(team):
    deployment, airflow = team
    before = heartbeats(airflow, "TriggererJob")
    assert set(before) == TRIGGERERS

    run = nightly.trigger(airflow, deployment.processes)
    course: list[str] = []
    nightly.follow(run, deployment.processes, course.append)

    tasks = airflow.get(f"{run.path}/taskInstances")["task_instances"]
    worked = {task["task_id"]: task["hostname"] for task in tasks if task["state"] == "success"}
    assert worked.keys() >= TASKS
    assert set(worked.values()) == {"worker"}
    log = deployment.processes.log("worker").read_text(encoding="utf8")
    executed = [
        line for line in log.splitlines() if "Executing workload in Celery" in line and run.run_id in line
    ]
    assert {task for task in worked if any(f"task_id='{task}'" in line for line in executed)} == worked.keys()
    after = heartbeats(airflow, "TriggererJob")
    assert set(after) == TRIGGERERS
    assert all(after[name] > before[name] for name in TRIGGERERS)
