# SPDX-License-Identifier: Apache-2.0
"""Waiting for a point in time in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow_provider_azureml.compat import BaseTrigger, TriggerEvent

LONGEST_SLEEP = 60.0
"""A clock that was set forward, or a machine that slept, is noticed this many seconds later."""


class AzureMLMomentTrigger(BaseTrigger):
    """Fires at a moment. There is nothing to cancel.

    :param moment: Unix time.
    """

    def __init__(self, moment: float) -> None:
        super().__init__()
        self.moment = moment

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, from which Airflow makes the trigger again, perhaps elsewhere."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"moment": self.moment}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, then fire once."""
        while (left := self.moment - time.time()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP))
        yield TriggerEvent({"moment": self.moment})
