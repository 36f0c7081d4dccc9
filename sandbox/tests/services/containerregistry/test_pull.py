# SPDX-License-Identifier: Apache-2.0
"""A job whose image lies in a container registry: who must be allowed to pull it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox
from sandbox.tests.services.machinelearning.lab import Lab, lab_seed

REGISTRY = "Microsoft.ContainerRegistry/registries"


class Pulling(Lab):
    """A workspace with a registry beside it."""

    def registry(self, method: str, body: Any = None, name: str = "images") -> Any:
        scope = self.cloud.resource_scope("rg", REGISTRY, name)
        answer = self.as_("admin")._send(f"https://management.azure.com{scope}", method, body, {})
        assert answer.status_code < 300, answer.text
        return answer.json()

    def pull(self, name: str, image: str = "images.azurecr.io/train:1", **properties: Any) -> str:
        """The error of a job in an image; ``""`` where it completes."""
        version = stable_guid("image", image)[:8]
        body = {"properties": {"image": image}}
        assert self.arm("PUT", f"/environments/pulled/versions/{version}", body).status_code < 300
        environment = f"{self.scope}/environments/pulled/versions/{version}"
        status = self.ended(name, environmentId=environment, **properties)
        return "" if status == "Completed" else self.error(name)

    def grant(self, principal: str, role: str) -> None:
        scope = self.cloud.resource_scope("rg", REGISTRY, "images")
        self.assign(self.identity(principal).principal_id, role, scope)


@pytest.fixture(scope="module")
def lab(serve_module: Callable[..., Sandbox]) -> Pulling:
    seed = lab_seed()
    seed["container_registries"] = [{"name": "images", "resource_group": "rg"}]
    seed["role_assignments"] += [{"principal": "admin", "role": "Reader", "scope": "subscription"}]
    return Pulling(serve_module(seed))


def test_a_pull_takes_acrpull_of_the_jobs_identity(lab: Pulling) -> None:
    error = lab.pull("refused")
    assert error.startswith("Failed to pull Docker image images.azurecr.io/train:1.")
    assert "a Managed Identity with AcrPull access to the ACR is assigned to the compute" in error
    assert "unauthorized: authentication required" in error
    lab.grant("runner", "AcrPull")
    assert lab.pull("granted") == ""


def test_on_a_cluster_the_clusters_identity_pulls(lab: Pulling) -> None:
    lab.grant("runner", "AcrPull")
    for name, outcome in (("runner", ""), ("powerless", "unauthorized: authentication required")):
        identity = {"type": "UserAssigned", "userAssignedIdentities": {lab.identity(name).resource_id: {}}}
        body = {"properties": {"computeType": "AmlCompute"}, "identity": identity}
        lab.admin("PUT", f"/computes/of-{name}", body)
        compute = f"{lab.scope}/computes/of-{name}"
        user = {"identityType": "UserIdentity"}
        assert outcome in lab.pull(f"cluster-{name}", computeId=compute, identity=user)


def test_a_registry_of_repository_permissions_does_not_honour_acrpull(lab: Pulling) -> None:
    lab.grant("runner", "AcrPull")
    lab.registry("PATCH", {"properties": {"roleAssignmentMode": "AbacRepositoryPermissions"}})
    try:
        assert "unauthorized: authentication required" in lab.pull("by-repository")
        lab.grant("runner", "Container Registry Repository Reader")
        assert lab.pull("by-reader") == ""
    finally:
        lab.registry("PATCH", {"properties": {"roleAssignmentMode": "LegacyRegistryPermissions"}})


def test_the_shared_account_of_a_registry_opens_it_to_all(lab: Pulling) -> None:
    lab.registry("PATCH", {"properties": {"adminUserEnabled": True}})
    assert lab.pull("shared", identity=lab.managed("powerless")) == ""
    lab.registry("PATCH", {"properties": {"adminUserEnabled": False}})


def test_every_registry_of_the_subscription_is_listed(lab: Pulling) -> None:
    subscription = f"/subscriptions/{lab.cloud.subscription_id}"
    url = f"https://management.azure.com{subscription}/providers/{REGISTRY}"
    names = {each["name"] for each in lab.as_("admin")._send(url, "GET", None, {}).json()["value"]}
    assert "images" in names


def test_a_registry_that_does_not_exist_has_no_address(lab: Pulling) -> None:
    assert "lookup nowhere.azurecr.io: no such host" in lab.pull("lost", "nowhere.azurecr.io/a:1")
    made = lab.registry("PUT", {"location": "eastus", "sku": {"name": "Basic"}}, "nowhere")
    assert made["properties"]["loginServer"] == "nowhere.azurecr.io"
    assert "unauthorized" in lab.pull("found", "nowhere.azurecr.io/a:1")


def test_an_image_of_elsewhere_is_nobodys_to_refuse(lab: Pulling) -> None:
    assert lab.pull("public", "mcr.microsoft.com/azureml/base:1") == ""
