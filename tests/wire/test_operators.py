# SPDX-License-Identifier: Apache-2.0
"""The operators over HTTP, as the demo's connections: registration, every way to a cancel, foreign bodies.

What a second try does is in tests/airflow/test_once.py, a plain run in tests/airflow/test_dag_test.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferralError

from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.operators.champion import SOURCE_JOB
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.model import AzureMLRegisterModelOperator
from airflow_provider_azureml.rest import asset, intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.sensors.job import AzureMLJobSensor
from airflow_provider_azureml.triggers.job import OWNER
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.identities import ARM, Client
from tests.wire.worker import IMAGE, acting_as_worker, context, pipeline

TRAIN, REGISTRY = "azureml_train", "azureml_registry"
SLEEP = {"type": "command", "command": "sleep 300", "environment": IMAGE}
READER = "/providers/Microsoft.Authorization/roleDefinitions/2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
PATIENCE = 60.0

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def worker(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with acting_as_worker(sandbox) as own:
        yield own


def runs(job: Any, **options: Any) -> AzureMLRunJobOperator:
    given = {"task_id": "run", "azureml_conn_id": TRAIN, "poll_interval": 0.3, "stream_logs": False}
    return AzureMLRunJobOperator(**{**given, "job": job, **options})


def look(name: str) -> Job:
    hook = AzureMLHook(TRAIN)
    return hook.run(job_flows.get(hook.workspace, name))


def until(seen: Callable[[], Any]) -> Any:
    """What is seen, as soon as it is something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := seen()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.2)
    return found


def ended(name: str) -> Job:
    return until(lambda: job if (job := look(name)).is_terminal else None)  # type: ignore[no-any-return]


# --- the registration ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(worker: dict[str, str], sandbox: Sandbox) -> dict[float, str]:
    """Three completed training jobs: their mean absolute error, and their names."""
    job = {
        "type": "command",
        "code": str(Path(__file__).parent / "jobs" / "train"),
        "command": "python main.py ${{inputs.mae}} ${{outputs.model}}",
        "environment": IMAGE,
        "identity": {"type": "managed", "client_id": sandbox.principal("run-train")["client_id"]},
    }

    def train(mae: float) -> str:
        path = f"azureml://datastores/models/paths/wire/{uuid.uuid4()}/{mae}"
        given = {"inputs": {"mae": mae}, "outputs": {"model": {"type": "uri_folder", "path": path}}}
        return str(runs(job, **given, wait_for_completion=False).execute(context("train"))["name"])

    names = {mae: train(mae) for mae in (4.0, 5.0, 6.0)}
    assert {ended(name).status for name in names.values()} == {"Completed"}
    return names


@pytest.fixture
def register(trained: dict[float, str]) -> Run:
    """Register the model of one of the jobs, all under one new name."""
    model = f"wire-{uuid.uuid4()}"

    def register(mae: float, **options: Any) -> dict[str, Any]:
        given = {"azureml_conn_id": REGISTRY, "job": trained[mae], "metric": "mae", "goal": "minimize"}
        task = AzureMLRegisterModelOperator(task_id="register", model=model, **{**given, **options})
        result: dict[str, Any] = task.execute(context("register"))
        return result

    return register


def versions(model: str) -> list[asset.Model]:
    hook = AzureMLHook(REGISTRY)
    return hook.run(asset.list_models(hook.workspace, model))


def test_without_a_champion_the_model_is_registered(register: Run, trained: dict[float, str]) -> None:
    result = register(5.0)
    assert result == {
        "name": result["name"],
        "version": "1",
        "registered": True,
        "metric": "mae",
        "value": 5.0,
        "champion": None,
    }
    (version,) = versions(result["name"])
    assert version.uri.endswith("/5.0")  # where that job wrote its output
    assert version.properties[SOURCE_JOB] == trained[5.0]
    assert version.tags == {"mae": "5.0"}


def test_a_worse_model_keeps_the_champion_and_the_log_says_so(
    register: Run, trained: dict[float, str], capsys: pytest.CaptureFixture[str]
) -> None:
    register(5.0)
    result = register(6.0)
    assert (result["registered"], result["version"], result["value"]) == (False, "1", 6.0)
    assert result["champion"] == {"version": "1", "value": 5.0, "job": trained[5.0]}
    assert len(versions(result["name"])) == 1
    said = f"Kept the champion of {result['name']}, version 1 with 5: mae = 6 does not beat it."
    assert said in capsys.readouterr().out


def test_a_better_model_becomes_the_champion_and_is_the_one_to_beat(register: Run) -> None:
    register(5.0)
    better = register(4.0)
    assert (better["registered"], better["version"]) == (True, "2")
    assert register(6.0)["champion"]["version"] == "2"


def test_a_retry_of_a_registration_registers_nothing_twice(register: Run) -> None:
    first, again = register(5.0), register(5.0)
    assert (first["registered"], first["version"]) == (again["registered"], again["version"]) == (True, "1")
    assert len(versions(first["name"])) == 1


def test_a_metric_that_the_job_did_not_log_is_named_beside_those_that_it_did(register: Run) -> None:
    with pytest.raises(AirflowFailException, match=r"metric: 'auc' is not among .* It logged: mae\."):
        register(5.0, metric="auc")


def test_who_may_not_register_is_told_which_role_is_missing(register: Run) -> None:
    with pytest.raises(AirflowFailException, match=r"models/versions/(read|write)") as caught:
        register(5.0, azureml_conn_id=TRAIN)
    assert "Why (ARM plane)" in str(caught.value)
    assert "az role assignment create" in str(caught.value)


# --- every way to a cancel ----------------------------------------------------------------------


def test_sigterm_cancels_the_job_and_the_task_never_ends_green(
    worker: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    """In a real Airflow, whose own handler of the signal calls us."""
    definition = tmp_path / "job.yml"
    definition.write_text(json.dumps(SLEEP))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "airflow" / "run_dag.py"), str(definition), "{}"],
        env={
            **worker,
            "AIRFLOW_CONN_AZUREML_DEFAULT": worker["AIRFLOW_CONN_AZUREML_TRAIN"],
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__AZUREML__DEPLOYMENT_ID": (deployment := f"kill-{uuid.uuid4()}"),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    hook = AzureMLHook(TRAIN)

    def running() -> str:
        found = hook.run(job_flows.list_by_property(hook.workspace, "airflow.deployment", deployment))
        return next((job.name for job in found if job.status == "Running"), "")

    try:
        name = until(running)
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    outcome = json.loads(printed.splitlines()[-1])
    assert outcome["tasks"]["run"] == "failed", printed[-3000:]
    assert outcome["result"] is None
    job = ended(name)
    assert (job.status, job.tags[intent.CANCEL_TAG]) == ("Canceled", "killed")


def test_a_kill_while_the_task_waits_ends_the_wait_at_once(worker: dict[str, str]) -> None:
    task = runs(SLEEP, poll_interval=200)
    began = time.monotonic()

    hook = AzureMLHook(TRAIN)

    def submitted() -> Job | None:
        return task.owned_job and hook.run(job_flows.find(hook.workspace, task.owned_job[0]))  # type: ignore[return-value]

    def kill() -> None:
        until(submitted)
        task.on_kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(AirflowException, match="ended from outside"):
        task.execute(context("killed"))
    killer.join()
    assert time.monotonic() - began < PATIENCE
    assert task.owned_job is not None
    assert ended(task.owned_job[0]).status == "Canceled"


def test_a_timeout_cancels_the_job_and_fails_the_task_and_a_retry_starts_anew(worker: dict[str, str]) -> None:
    task, place = runs(SLEEP, timeout=3), context("late")
    with pytest.raises(AirflowException, match="the task's deadline has passed, and its end was asked for"):
        task.execute(place)
    assert task.owned_job is not None
    job = ended(task.owned_job[0])
    assert (job.status, job.tags[intent.CANCEL_TAG]) == ("Canceled", "deadline")
    retry = runs({**SLEEP, "command": "true"}).execute(context("late", 2, place["ti"].run_id))
    assert (retry["name"], retry["status"]) == (f"{job.name[:-2]}-1", "Completed")


def test_a_trigger_that_failed_ends_the_job_and_the_task(worker: dict[str, str]) -> None:
    place = context("lost")
    job = runs(SLEEP, wait_for_completion=False).execute(place)
    with pytest.raises(TaskDeferralError):
        runs(SLEEP).resume_execution("__fail__", {"error": "Trigger failure"}, place)
    found = ended(job["name"])
    assert (found.status, found.tags[intent.CANCEL_TAG]) == ("Canceled", "trigger failed")


# --- bodies and ends ----------------------------------------------------------------------------


def test_a_task_that_does_not_wait_leaves_a_job_that_a_sensor_sees_to_its_end(worker: dict[str, str]) -> None:
    job = {**SLEEP, "command": "sleep 1"}
    result = runs(job, wait_for_completion=False, timeout=0.5).execute(context("left"))
    sensor = AzureMLJobSensor(
        task_id="seen", azureml_conn_id=TRAIN, job=result, poll_interval=0.3, timeout=60
    )
    assert result["status"] not in job_flows.TERMINAL
    assert result["metrics"] == {}
    sensor.execute(context("seen"))
    assert look(result["name"]).status == "Completed"


def test_a_rest_body_of_another_kind_is_passed_through_and_carries_our_marks(
    worker: dict[str, str], client: Client, sandbox: Sandbox
) -> None:
    body = pipeline(client, sandbox, say="echo ${{inputs.word}}")
    place = context("pipeline")
    first = runs(body).execute(place)
    job = look(first["name"])
    assert (first["status"], job.job_type, job.display_name) == ("Completed", "Pipeline", "as given")
    assert job.properties[OWNER] == first["name"][:-2]
    again = runs(body).execute(context("pipeline", 2, place["ti"].run_id))
    assert again["name"] == first["name"]


@contextmanager
def granted(client: Client, sandbox: Sandbox, object_id: str) -> Iterator[None]:
    """Storage Blob Data Reader on the container raw, for the time of the block."""
    account = sandbox.scope("nightly", "Microsoft.Storage/storageAccounts", "nightlylake")
    place = f"{account}/blobServices/default/containers/raw/providers/Microsoft.Authorization"
    url = f"{ARM}{place}/roleAssignments/{uuid.uuid4()}?api-version=2022-04-01"
    role = f"/subscriptions/{sandbox.description['subscription_id']}{READER}"
    properties = {"roleDefinitionId": role, "principalId": object_id, "principalType": "ServicePrincipal"}
    headers = client.bearer("owner", ARM)
    put = client.http.put(url, json={"properties": properties}, headers=headers)
    assert put.status_code == 201, put.text
    try:
        yield
    finally:
        assert client.http.delete(url, headers=headers).status_code == 200


def test_the_mend_of_a_refused_read_is_the_one_that_helps(
    worker: dict[str, str], client: Client, sandbox: Sandbox
) -> None:
    """The task fails and says who lacks which role; with that role, its next try succeeds."""
    folder, identity = f"wire-{uuid.uuid4()}", sandbox.principal("run-train")
    AzureDataLakeHook("azureml_land").upload_bytes("raw", f"{folder}/rows.csv", b"1,2\n")
    job = {
        **SLEEP,
        "command": "cat ${{inputs.rows}}/rows.csv",
        "inputs": {
            "rows": {
                "type": "uri_folder",
                "path": f"azureml://datastores/raw/paths/{folder}",
                "mode": "download",
            }
        },
        "identity": {"type": "managed", "client_id": identity["client_id"]},
    }
    place = context("denied")
    with pytest.raises(AirflowException) as caught:
        runs(job).execute(place)
    text = str(caught.value)
    assert "Why (data plane)" in text
    assert f"--assignee {identity['client_id']} --role 'Storage Blob Data Reader'" in text
    with granted(client, sandbox, identity["object_id"]):
        result = runs(job).execute(context("denied", 2, place["ti"].run_id))
    assert (result["status"], result["name"][-2:]) == ("Completed", "-1")
