# SPDX-License-Identifier: Apache-2.0
"""management.azure.com: subscriptions, groups, Microsoft.Authorization, managed identities, deployments."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.arm.assignment_routes import assignment_operations
from azure_sandbox.services.arm.deny_routes import deny_operations
from azure_sandbox.services.arm.deployment.routes import Deployments
from azure_sandbox.services.arm.identity_routes import identity_operations
from azure_sandbox.services.arm.records import UAMI
from azure_sandbox.services.arm.resource_routes import operations as resource_operations
from azure_sandbox.services.arm.role_routes import role_operations
from azure_sandbox.services.arm.routes import operations
from azure_sandbox.services.arm.schedule_routes import schedule_operations
from azure_sandbox.services.arm.schedules import Schedules
from azure_sandbox.services.arm.seed import seed_arm
from azure_sandbox.services.arm.service import ResourceManager


def service(cloud: Cloud) -> Service:
    manager, schedules = ResourceManager(cloud), Schedules(cloud)
    cloud.resources.offer(UAMI, manager.user_assigned)
    own = (
        operations(manager)
        + identity_operations(manager)
        + role_operations(manager)
        + assignment_operations(manager)
        + deny_operations(manager)
        + schedule_operations(manager, schedules)
        + resource_operations()
    )
    return Service(
        "arm",
        own + Deployments(manager, own).operations,
        lambda document: seed_arm(cloud, manager, schedules, document),
    )
