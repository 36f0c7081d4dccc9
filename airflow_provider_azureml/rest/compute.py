# SPDX-License-Identifier: Apache-2.0
"""Compute targets of a workspace: clusters, compute instances, attached pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.rest.flow import Flow, error_message, expect
from airflow_provider_azureml.rest.workspace import Workspace

PROVISIONING = ("Succeeded", "Creating", "Updating", "Deleting", "Failed", "Canceled", "Unknown")
"""`provisioningState` of every kind of compute."""
INSTANCE = ("Running", "Stopped", "Starting", "Stopping", "Restarting", "JobRunning", "Resizing", "SettingUp")
"""`state` of a compute instance, less those that it does not leave by itself."""
ALLOCATION = ("Steady", "Resizing")
"""`allocationState` of a cluster."""
BROKEN = ("Failed", "Canceled", "CreateFailed", "SetupFailed", "UserSetupFailed", "Unusable")
"""States that no waiting mends."""


@dataclass(frozen=True)
class Compute:
    """A compute target (ARM `Microsoft.MachineLearningServices/workspaces/computes`, 2024-10-01).

    :param type: `AmlCompute`, `ComputeInstance`, `Kubernetes`, `SynapseSpark`, ...
    :param state: of a compute instance; empty for other kinds.
    :param allocation_state: of a cluster; empty for other kinds.
    :param problem: the first provisioning error's text, empty when there is none.
    """

    name: str
    type: str
    provisioning_state: str
    state: str = ""
    allocation_state: str = ""
    problem: str = ""

    @property
    def states(self) -> tuple[str, ...]:
        """Every word that Azure says about it now, the most telling last."""
        return tuple(filter(None, (self.provisioning_state, self.allocation_state, self.state)))

    @property
    def is_broken(self) -> bool:
        """Whether it will not come to any other state by itself."""
        return any(state in BROKEN for state in self.states)


def get(workspace: Workspace, name: str) -> Flow[Compute]:
    """Read a compute target; raises NotFoundError or DeniedError."""
    response = yield workspace.request("GET", f"/computes/{quote(name, safe='')}")
    body = expect(response, 200).json()
    properties = body["properties"]
    inner = properties.get("properties") or {}
    return Compute(
        name=str(body["name"]),
        type=str(properties.get("computeType") or ""),
        provisioning_state=str(properties.get("provisioningState") or ""),
        state=str(inner.get("state") or ""),
        allocation_state=str(inner.get("allocationState") or ""),
        problem=_first(properties.get("provisioningErrors") or inner.get("errors") or []),
    )


def _first(errors: list[Mapping[str, Any]]) -> str:
    for item in errors:
        return error_message(item.get("error") or item)
    return ""
