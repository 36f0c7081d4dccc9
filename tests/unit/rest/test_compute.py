# SPDX-License-Identifier: Apache-2.0
"""What ARM says about a compute target."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.rest import compute
from airflow_provider_azureml.rest.compute import Compute
from tests.unit.canned import CannedHook


def read(properties: dict[str, Any]) -> Compute:
    hook = CannedHook().on("GET", "/computes/my%20box", {"name": "my box", "properties": properties})
    found: Compute = hook.run(compute.get(hook.workspace, "my box"))
    return found


def test_a_cluster_tells_its_provisioning_and_its_allocation() -> None:
    found = read(
        {
            "computeType": "AmlCompute",
            "provisioningState": "Succeeded",
            "properties": {"allocationState": "Steady"},
        }
    )
    assert (found.type, found.states, found.is_broken) == ("AmlCompute", ("Succeeded", "Steady"), False)


@pytest.mark.parametrize("state", ["SetupFailed", "Unusable"])
def test_an_instance_that_cannot_come_up_is_broken(state: str) -> None:
    assert read({"provisioningState": "Succeeded", "properties": {"state": state}}).is_broken


def test_the_first_provisioning_error_is_the_reason() -> None:
    errors = [{"error": {"code": "Quota", "message": "no cores"}}, {"error": {"message": "other"}}]
    assert read({"provisioningState": "Failed", "provisioningErrors": errors}).problem == "no cores"


def test_a_kind_without_details_of_its_own_is_read_too() -> None:
    assert read({"provisioningState": "Succeeded", "properties": None}).states == ("Succeeded",)
