# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.checks.registry import registries
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import GROUP, JOB, WORKSPACE, Patient, case, holding, submitted

REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/images"
ENVIRONMENT = f"{WORKSPACE}/environments/e/versions/1"
CLUSTER = {
    "name": "cpu",
    "properties": {"computeType": "AmlCompute"},
    "identity": {"userAssignedIdentities": {"/x/cluster": {"principalId": "o-cluster"}}},
}


def patient(image: str = "images.azurecr.io/train:1", **properties: Any) -> CannedHook:
    hook = submitted(Patient(), {**JOB, "environmentId": ENVIRONMENT})
    hook.on("GET", "/environments/e/versions/1", {"properties": {"image": image}})
    return hook.on(
        "GET", "/registries", {"value": [{"id": REGISTRY, "name": "images", "properties": properties}]}
    )


def found(hook: CannedHook) -> Any:
    (one,) = registries(case(hook, job="a"))
    return one


def test_who_may_pull_is_present() -> None:
    told = found(holding(patient(), ("AcrPull", REGISTRY)))
    assert (told.level, told.plane) == ("present", 9)


def test_who_may_not_gets_the_least_role_on_that_registry() -> None:
    told = found(holding(patient()))
    assert told.is_problem
    assert told.hint.startswith("az role assignment create --assignee-object-id o-run ")
    assert told.hint.endswith(f"--role AcrPull --scope {REGISTRY}")


def test_a_registry_of_repository_permissions_takes_another_role() -> None:
    told = found(holding(patient(roleAssignmentMode="AbacRepositoryPermissions"), ("AcrPull", REGISTRY)))
    assert told.hint.endswith(f"--role 'Container Registry Repository Reader' --scope {REGISTRY}")


def test_on_a_cluster_the_clusters_identity_pulls() -> None:
    hook = patient()
    hook.on("GET", "/computes", {"value": [CLUSTER]})
    job = {**JOB, "environmentId": ENVIRONMENT, "computeId": f"{WORKSPACE}/computes/cpu"}
    hook.on("GET", "/jobs/a", {"name": "a", "properties": job})
    assert "--assignee-object-id o-cluster " in found(holding(hook)).hint


@pytest.mark.parametrize(
    "hook, level",
    [
        (patient(adminUserEnabled=True), "present"),
        (patient().on("GET", "/registries", DENIED), "unknown"),
        (patient("other.azurecr.io/train:1"), "unknown"),
        (patient().on("GET", "/roleAssignments", DENIED), "unknown"),
    ],
)
def test_without_a_certain_no_nobody_is_accused(hook: CannedHook, level: str) -> None:
    assert found(hook).level == level


@pytest.mark.parametrize("image", ["mcr.microsoft.com/azureml/base:1", ""])
def test_an_image_of_elsewhere_is_no_matter_of_roles(image: str) -> None:
    assert list(registries(case(holding(patient(image)), job="a"))) == []
