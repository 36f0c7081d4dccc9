# SPDX-License-Identifier: Apache-2.0
"""Waiting for a compute target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.sensors.base import AzureMLBaseSensor

if TYPE_CHECKING:
    from airflow_provider_azureml.compat import BaseTrigger
    from airflow_provider_azureml.rest.flow import Flow
    from airflow_provider_azureml.triggers.state import Seen


class AzureMLComputeSensor(AzureMLBaseSensor):
    """Wait until a compute target is in a state; returns what Azure says about it then.

    A target that failed to be provisioned fails the sensor without a retry, with Azure's reason.

    :param azureml_conn_id: the connection to look with.
    :param compute: the compute target's name.
    :param state: `Succeeded` (provisioned); of a compute instance `Running`, `Stopped`, ...; of a
        cluster `Steady`. In Azure's spelling.
    :param deferrable: wait in the triggerer, not in a worker slot.
    :param poll_interval: seconds between two looks (Airflow's `poke_interval`).
    """

    template_fields: Sequence[str] = ("azureml_conn_id", "compute", "state")

    def __init__(
        self,
        *,
        azureml_conn_id: str = "azureml_default",
        compute: str,
        state: str = "Succeeded",
        deferrable: bool = False,
        poll_interval: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            azureml_conn_id=azureml_conn_id, deferrable=deferrable, poll_interval=poll_interval, **kwargs
        )
        self.compute = compute
        self.state = state

    @property
    def awaited(self) -> str:
        """What is waited for, as messages call it."""
        return f"Compute {self.compute}"

    def check(self) -> None:
        """Raise ConfigurationError for a state that no compute target has."""
        from airflow_provider_azureml.errors import ConfigurationError
        from airflow_provider_azureml.rest.compute import ALLOCATION, BROKEN, INSTANCE, PROVISIONING

        known = sorted({*PROVISIONING, *INSTANCE, *ALLOCATION, *BROKEN})
        if self.state not in known:
            raise ConfigurationError(
                "state", f"'{self.state}' is unknown.", f"Choose one of: {', '.join(known)}."
            )

    def look(self) -> Flow[Seen]:
        """Ask once."""
        from airflow_provider_azureml.triggers.compute import seen

        return seen(self.hook.workspace, self.compute, self.state)

    def trigger(self, deadline: float) -> BaseTrigger:
        """What waits in the triggerer."""
        from airflow_provider_azureml.triggers.compute import AzureMLComputeTrigger

        return AzureMLComputeTrigger(
            self.azureml_conn_id, self.compute, self.state, self.poll_interval, deadline
        )
