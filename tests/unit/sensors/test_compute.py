# SPDX-License-Identifier: Apache-2.0
"""Waiting for a compute target."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowFailException, TaskDeferred
from airflow_provider_azureml.sensors.compute import AzureMLComputeSensor
from tests.unit.canned import UNKNOWN_JOB, CannedHook


def compute(provisioning: str, **inner: Any) -> dict[str, Any]:
    """ARM's answer about a compute target."""
    properties = {"computeType": "ComputeInstance", "provisioningState": provisioning, "properties": inner}
    return {"name": "box", "properties": properties}


def sensor(*answers: Any, **options: Any) -> AzureMLComputeSensor:
    made = AzureMLComputeSensor(**{"task_id": "s", "compute": "box", "poll_interval": 0.01, **options})
    made.hook = CannedHook().on("GET", "/computes/box", *answers)  # type: ignore[assignment]
    return made


def test_it_waits_until_the_target_is_provisioned() -> None:
    found = sensor(compute("Creating"), compute("Succeeded")).execute({})
    assert (found["name"], found["provisioning_state"]) == ("box", "Succeeded")


def test_it_waits_until_an_instance_runs() -> None:
    made = sensor(
        compute("Succeeded", state="Starting"), compute("Succeeded", state="Running"), state="Running"
    )
    assert made.poke({}) is False
    assert made.poke({}) is True


def test_a_target_that_failed_to_be_provisioned_fails_the_sensor_with_azures_reason() -> None:
    errors = [{"error": {"code": "QuotaExceeded", "message": "total vCPU quota of 0"}}]
    with pytest.raises(AirflowFailException, match=r"Compute box is Failed\. total vCPU quota of 0"):
        sensor(compute("Failed", errors=errors)).poke({})


def test_a_target_that_does_not_exist_is_an_error_and_no_reason_to_wait() -> None:
    with pytest.raises(AirflowFailException, match="404"):
        sensor(UNKNOWN_JOB).poke({})


def test_a_state_that_azure_does_not_know_is_refused_before_any_request() -> None:
    made = sensor(compute("Succeeded"), state="succeeded")
    with pytest.raises(
        AirflowFailException, match=r"state: 'succeeded' is unknown\. Choose one of: .*Succeeded"
    ):
        made.poke({})
    assert made.hook.requests == []  # type: ignore[attr-defined]


def test_it_waits_in_the_triggerer_with_the_same_arguments() -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(compute("Creating"), deferrable=True, poll_interval=9).execute({})
    arguments = caught.value.trigger.arguments()
    assert (arguments["compute"], arguments["state"], arguments["poll_interval"]) == ("box", "Succeeded", 9)
