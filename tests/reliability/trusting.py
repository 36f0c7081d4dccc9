# SPDX-License-Identifier: Apache-2.0
"""For calibration: a trigger that takes Airflow at its word, and cancels whenever `on_kill` is called."""

from __future__ import annotations

from typing import Any

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.triggers.job import AzureMLJobTrigger


class TrustingTrigger(AzureMLJobTrigger):
    """The shipped trigger without the question whether the task is still deferred."""

    async def on_kill(self) -> None:
        """Cancel."""
        await self.cancel()


class TrustingOperator(AzureMLRunJobOperator):
    """Waits in that trigger."""

    def defer(self, *, trigger: Any, **kwargs: Any) -> None:
        """The same arguments, another class."""
        super().defer(trigger=TrustingTrigger(**trigger.arguments()), **kwargs)
