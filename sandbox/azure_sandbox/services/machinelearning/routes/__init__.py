# SPDX-License-Identifier: Apache-2.0
"""Azure ML's routes: one module per resource family, each with the action that RBAC asks for."""

from __future__ import annotations

from azure_sandbox.kernel.operation import Operation
from azure_sandbox.services.machinelearning.routes import (
    assets,
    computes,
    datastores,
    history,
    jobs,
    mlflow,
    tokens,
    workspaces,
)
from azure_sandbox.services.machinelearning.service import MachineLearning


def operations(service: MachineLearning) -> list[Operation]:
    """All operations of the service."""
    families = (workspaces, datastores, computes, assets, jobs, history, mlflow, tokens)
    return [operation for family in families for operation in family.operations(service)]
