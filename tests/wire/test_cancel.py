# SPDX-License-Identifier: Apache-2.0
"""Cancelling over HTTP while the network misbehaves; what really happened is read from the ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.store import CANCEL
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest import run_history
from airflow_provider_azureml.rest.job import Job
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.worker import IMAGE, acting_as_worker, context

TRAIN = "azureml_train"
SLEEP = {"type": "command", "command": "sleep 300", "environment": IMAGE}
ARM, HISTORY, ENTRA = "management.azure.com", "*.api.azureml.ms", "login.microsoftonline.com"
LIMIT = 4.0


class Control:
    """The sandbox's own API: faults, and the ledger of effects."""

    def __init__(self, sandbox: Sandbox) -> None:
        told = json.loads((sandbox.data / "control.json").read_text())
        headers = {"Authorization": f"Bearer {told['token']}"}
        self._http = httpx.Client(base_url=told["url"], headers=headers, trust_env=False)

    def stall(self, phase: str = "before", seconds: float = 8, **match: Any) -> None:
        """Be silent for longer than anybody here waits, about every request that matches."""
        rule = {"match": {"count": None, **match}, "phase": phase}
        answer = self._http.post("/faults", json={**rule, "action": {"stall_seconds": seconds}})
        assert answer.status_code == 201, answer.text

    def heal(self) -> None:
        self._http.delete("/faults").raise_for_status()

    def close(self) -> None:
        self.heal()
        self._http.close()

    def cancels(self, name: str) -> int:
        """How often the end of a job was asked for with effect."""
        rows = self._http.get("/ledger", params={"kind": "job"}).json()["value"]
        mine = [row for row in rows if row["subject"].endswith(f"/jobs/{name}")]
        return sum(row["effect"] == "cancel-requested" for row in mine)


class Store(dict[str, Any]):
    """Airflow's task state store, without its supervisor."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


@pytest.fixture(scope="module")
def worker(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with acting_as_worker(sandbox) as own:
        yield own


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[Control]:
    made = Control(sandbox)
    yield made
    made.close()


def look(name: str) -> Job:
    hook = AzureMLHook(TRAIN)
    return hook.run(job_flows.get(hook.workspace, name))


def until(seen: Callable[[], Any]) -> Any:
    """What is seen, as soon as it is something."""
    deadline = time.monotonic() + 60.0
    while not (found := seen()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)
    return found


def started(place: dict[str, Any]) -> AzureMLRunJobOperator:
    """One try of a task, its job submitted and seen once, as in the middle of its wait."""
    task = AzureMLRunJobOperator(task_id="run", azureml_conn_id=TRAIN, job=SLEEP, wait_for_completion=False)
    task.execute(place)
    assert task.owned_job is not None
    task.hook.run(run_history.status_batch(task.hook.workspace, [task.owned_job[0]]))
    return task


STALLS = {
    "look": {"method": "GET", "host": ARM, "path": "/jobs/"},
    "trace": {"method": "PATCH", "host": HISTORY, "path": "/runs/"},
    "cancel": {"method": "POST", "host": ARM, "path": "/cancel"},
}


@pytest.mark.parametrize("stalled", STALLS)
def test_a_killed_worker_cancels_within_four_seconds_whatever_is_not_answered(
    worker: dict[str, str], control: Control, stalled: str
) -> None:
    store = Store()
    task = started({**context(f"stalled-{stalled}"), "task_state_store": store})
    if stalled == "cancel":
        control.stall("after", count=1, **STALLS[stalled])
    else:
        control.stall(**STALLS[stalled])
    began = time.monotonic()
    task.on_kill()
    assert time.monotonic() - began < LIMIT
    assert task.owned_job is not None
    name = task.owned_job[0]
    assert control.cancels(name) == 1
    control.heal()
    assert until(lambda: job if (job := look(name)).is_terminal else None).status == "Canceled"
    left = store.get(CANCEL, {}).get("name", "")
    assert left == ("" if stalled == "cancel" else name)  # where the job itself bears no trace


@pytest.mark.parametrize("host", [ARM, ENTRA])
def test_a_cancel_that_reaches_nobody_is_left_to_the_next_try(
    worker: dict[str, str], control: Control, host: str
) -> None:
    store = Store()
    place = {**context("unreachable"), "task_state_store": store}
    task = started(place)
    assert task.owned_job is not None
    name = task.owned_job[0]
    control.stall(host=host)
    if host == ENTRA:
        resolver.forget(task.hook.settings)  # a token that is not at hand any more
    began = time.monotonic()
    task.on_kill()
    assert time.monotonic() - began < LIMIT + 0.7
    assert control.cancels(name) == 0
    assert (store[CANCEL]["name"], store[CANCEL]["reason"]) == (name, "killed")
    control.heal()
    resolver.forget(task.hook.settings)
    retry = AzureMLRunJobOperator(
        task_id="run", azureml_conn_id=TRAIN, job={**SLEEP, "command": "true"}, poll_interval=0.3
    )
    result = retry.execute({**context("unreachable", 2, place["ti"].run_id), "task_state_store": store})
    assert (result["name"], result["status"]) == (f"{name[:-2]}-1", "Completed")
    assert (look(name).status, control.cancels(name)) == ("Canceled", 1)


def test_a_zombie_does_not_cancel_the_job_that_a_newer_try_watches(
    worker: dict[str, str], control: Control
) -> None:
    place = context("zombie")
    zombie = started(place)
    newer = started(context("zombie", 2, place["ti"].run_id))
    assert newer.owned_job == zombie.owned_job
    assert newer.owned_job is not None
    zombie.on_kill()
    assert control.cancels(newer.owned_job[0]) == 0
    newer.on_kill()
    assert control.cancels(newer.owned_job[0]) == 1


def test_a_cancel_of_several_seconds_outlives_airflows_second_its_cleanup_and_the_watch(
    worker: dict[str, str], control: Control, sandbox: Sandbox, tmp_path: Path
) -> None:
    """In a process of its own, since aiohttp reads the certificate authority when it is imported."""
    task = started(context("slow"))
    assert task.owned_job is not None
    name = task.owned_job[0]
    environment = {
        **sandbox.environment,
        **worker,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "AIRFLOW_HOME": str(tmp_path),
    }
    command = [sys.executable, str(Path(__file__).parent / "clients" / "provider_cancel.py"), *task.owned_job]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while "READY" not in process.stdout.readline():
            assert process.poll() is None
        control.stall("after", 2, host=ARM, path=f"/jobs/{name}$")
        printed, _ = process.communicate("go on\n", timeout=60)
    found = json.loads(printed.rpartition("FOUND ")[2])
    assert found == {"watch ended": True, "kill was interrupted": True}
    assert control.cancels(name) == 1
