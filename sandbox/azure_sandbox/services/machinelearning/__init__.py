# SPDX-License-Identifier: Apache-2.0
"""Azure Machine Learning: workspaces, assets, jobs that really run, run history, MLflow."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.service import Service
from azure_sandbox.services.machinelearning.records import ACTION
from azure_sandbox.services.machinelearning.routes import operations
from azure_sandbox.services.machinelearning.service import MachineLearning


def service(cloud: Cloud) -> Service:
    """The service of one cloud; it needs the Directory and Lake ports."""
    parts = MachineLearning(cloud)
    cloud.resources.offer(ACTION, lambda: [workspace.scope for workspace in parts.workspaces.all()])
    return Service(
        "machinelearning",
        operations(parts),
        parts.workspaces.seed,
        parts.supervisor.start,
        parts.supervisor.stop,
    )
