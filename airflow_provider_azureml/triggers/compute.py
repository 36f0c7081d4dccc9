# SPDX-License-Identifier: Apache-2.0
"""Waiting for a state of a compute target in the triggerer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow_provider_azureml.rest import compute as compute_flows
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.state import AzureMLBaseStateTrigger, Seen


class AzureMLComputeTrigger(AzureMLBaseStateTrigger):
    """Fires once a compute target is in a state.

    :param azureml_conn_id: the connection to look with.
    :param compute: its name.
    :param state: the state to wait for, in Azure's spelling.
    :param poll_interval: seconds between two looks.
    :param deadline: Unix time at which to fire; None waits for ever.
    """

    def __init__(
        self,
        azureml_conn_id: str,
        compute: str,
        state: str,
        poll_interval: float = 30.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__(azureml_conn_id, poll_interval, deadline)
        self.compute = compute
        self.state = state

    @property
    def name(self) -> str:
        """What is waited for, as messages call it."""
        return f"Compute {self.compute}"

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().arguments(), "compute": self.compute, "state": self.state}

    def look(self, workspace: Workspace) -> Flow[Seen]:
        """Ask once; raises ServiceError."""
        return seen(workspace, self.compute, self.state)


def seen(workspace: Workspace, compute: str, state: str) -> Flow[Seen]:
    """Whether a compute target is in a state, or in one that it cannot leave by itself."""
    found = yield from compute_flows.get(workspace, compute)
    status = ", ".join(found.states)
    if state in found.states:
        return Seen(status, has_ended=True, record=asdict(found))
    if found.is_broken:
        return Seen.failed(status, f"Compute {compute} is {status}. {found.problem}".strip())
    return Seen(status)
