# SPDX-License-Identifier: Apache-2.0
"""graph.microsoft.com: applications, their credentials, service principals, groups."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.graph.routes import operations
from azure_sandbox.services.graph.seed import seed_groups
from azure_sandbox.services.graph.service import Graph


def service(cloud: Cloud) -> Service:
    return Service("graph", operations(cloud, Graph(cloud)), lambda document: seed_groups(cloud, document))
