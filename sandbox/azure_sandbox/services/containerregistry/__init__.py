# SPDX-License-Identifier: Apache-2.0
"""Container registries: who may pull. Images themselves are not served, and never run."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import Registries
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.containerregistry.routes import operations
from azure_sandbox.services.containerregistry.service import KIND, ContainerRegistries


def service(cloud: Cloud) -> Service:
    registries = ContainerRegistries(cloud)
    cloud.provide(Registries, registries)
    cloud.resources.offer(KIND, lambda: [registries.scope(found) for found in registries.all()])
    return Service(
        "containerregistry",
        operations(registries),
        lambda document: registries.seed(document.get("container_registries") or []),
    )
