# SPDX-License-Identifier: Apache-2.0
"""The sensors and their triggers over HTTP: steps of a pipeline, compute, versions of models and data."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowFailException, TaskDeferred
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.rest import asset
from airflow_provider_azureml.sensors.asset import AzureMLDataSensor, AzureMLModelSensor
from airflow_provider_azureml.sensors.base import AzureMLBaseSensor
from airflow_provider_azureml.sensors.compute import AzureMLComputeSensor
from airflow_provider_azureml.sensors.job import AzureMLChildJobSensor
from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, Client
from tests.wire.worker import acting_as_worker, context, end_all_jobs, pipeline

TRAIN, REGISTRY = "azureml_train", "azureml_registry"
PATIENCE = 60.0
RESULT = "azureml://datastores/models/paths/fare"


@pytest.fixture(scope="module", autouse=True)
def worker(client: Client, sandbox: Sandbox) -> Iterator[None]:
    end_all_jobs(client, sandbox)
    with acting_as_worker(sandbox):
        yield


def waited(sensor: AzureMLBaseSensor) -> Any:
    """What a deferrable sensor returns, its trigger made anew from its arguments as a triggerer does."""
    try:
        return sensor.execute(context(sensor.task_id))
    except TaskDeferred as deferral:
        _, arguments = deferral.trigger.serialize()
        trigger = type(deferral.trigger)(**arguments)
        return getattr(sensor, deferral.method_name)(context(sensor.task_id), asyncio.run(fired(trigger)))


async def fired(trigger: Any) -> dict[str, Any]:
    async for event in trigger.run():
        content: dict[str, Any] = event.payload
        return content
    raise AssertionError("no event")


@pytest.fixture(scope="module")
def two_steps(client: Client, sandbox: Sandbox) -> dict[str, Any]:
    """A pipeline that nobody waits for: one step is quick, the other fails after it."""
    body = pipeline(client, sandbox, quick="echo ${{inputs.word}}", broken="sleep 1; exit 3")
    task = AzureMLRunJobOperator(
        task_id="pipe", azureml_conn_id=TRAIN, job=body, wait_for_completion=False, access="off"
    )
    result: dict[str, Any] = task.execute(context("pipe"))
    return result


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
def test_a_step_is_seen_to_complete_and_another_to_fail_with_its_own_reason(
    two_steps: dict[str, Any], deferrable: bool
) -> None:
    given = {"azureml_conn_id": TRAIN, "job": two_steps, "deferrable": deferrable, "poll_interval": 0.3}
    quick = AzureMLChildJobSensor(task_id="quick", child="quick", timeout=PATIENCE, **given)
    assert waited(quick)["status"] == "Completed"
    broken = AzureMLChildJobSensor(task_id="broken", child="broken", timeout=PATIENCE, **given)
    with pytest.raises(AirflowFailException, match=r"Step broken ended as Failed\. .*status code 3"):
        waited(broken)


def test_a_step_that_the_pipeline_does_not_have_is_said_once_the_pipeline_ended(
    two_steps: dict[str, Any],
) -> None:
    given = {"azureml_conn_id": TRAIN, "job": two_steps["name"], "poll_interval": 0.3, "timeout": PATIENCE}
    with pytest.raises(AirflowFailException, match="its step nowhere never began"):
        AzureMLChildJobSensor(task_id="none", child="nowhere", **given).execute(context("none"))


def test_a_compute_target_is_seen_once_it_is_provisioned_and_an_unknown_one_is_named() -> None:
    given = {"azureml_conn_id": TRAIN, "poll_interval": 0.3, "deferrable": True}
    found = waited(AzureMLComputeSensor(task_id="c", compute="cpu-cluster", **given))
    assert (found["type"], found["provisioning_state"]) == ("AmlCompute", "Succeeded")
    with pytest.raises(AirflowFailException, match=r"404 .*no-such-cluster"):
        waited(AzureMLComputeSensor(task_id="d", compute="no-such-cluster", **given))


def test_a_model_version_wakes_the_sensor_that_waits_for_a_newer_one() -> None:
    name, hook = f"fare-{uuid.uuid4().hex[:8]}", AzureMLHook(REGISTRY)
    given = {"azureml_conn_id": REGISTRY, "model": name, "poll_interval": 0.2, "timeout": PATIENCE}
    hook.run(asset.put_model(hook.workspace, name, "1", RESULT))
    assert waited(AzureMLModelSensor(task_id="any", **given))["version"] == "1"
    sensor = AzureMLModelSensor(task_id="newer", newer_than="1", deferrable=True, **given)
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context("newer"))

    async def registered_meanwhile() -> dict[str, Any]:
        waiting = asyncio.create_task(fired(caught.value.trigger))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        flow = asset.put_model(hook.workspace, name, "2", RESULT, tags={"stage": "prod"})
        await asyncio.to_thread(hook.run, flow)
        return await asyncio.wait_for(waiting, PATIENCE)

    began = time.monotonic()
    record = sensor.resume({}, asyncio.run(registered_meanwhile()))
    assert (record["version"], record["tags"]) == ("2", {"stage": "prod"})
    assert time.monotonic() - began < PATIENCE


def test_a_data_version_is_seen_where_it_is_registered(client: Client, sandbox: Sandbox) -> None:
    name = f"trips-{uuid.uuid4().hex[:8]}"
    url = f"{ARM}{sandbox.workspace()}/data/{name}/versions/3?api-version=2024-10-01"
    body = {"properties": {"dataUri": "azureml://datastores/raw/paths/trips", "dataType": "uri_folder"}}
    put = client.http.put(url, json=body, headers=client.bearer("owner", ARM))
    assert put.status_code in (200, 201), put.text
    given = {"azureml_conn_id": TRAIN, "data": name, "poll_interval": 0.2, "timeout": PATIENCE}
    assert waited(AzureMLDataSensor(task_id="one", version="3", **given))["uri"].endswith("/raw/paths/trips")
    with pytest.raises(AirflowFailException, match="newer_than: is given beside"):
        waited(AzureMLDataSensor(task_id="both", version="3", newer_than="2", **given))
