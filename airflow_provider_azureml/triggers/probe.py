# SPDX-License-Identifier: Apache-2.0
"""Waiting until grants work: a real question at growing intervals, twice in a row "yes", with a deadline.

The grantee asks Azure itself where one of our connections is the grantee. Elsewhere the broker asks for
the assignment, and a minimum time has to pass: no server of Azure says that all of them have noticed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from logging import INFO, WARNING
from typing import Any

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.authorization import Permission
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.probe import is_listed, works
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.triggers.base import AzureMLBaseTrigger
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from airflow_provider_azureml.triggers.poll import Overdue, by

FIRST, LONGEST, ENOUGH = 5.0, 30.0, 2
"""Seconds between two looks, at first and at most; successes in a row that count as "it works"."""
Probe = Mapping[str, Any]
"""`grant`: the grant's fields; `permissions`: of its role, four lists each; `conn_id`: who asks; `is_own`: is that the grantee?"""


class Confidence:
    """How sure the looks so far have made us.

    :param not_before: Unix time before which no success counts.
    :param first: seconds between the first two looks.
    """

    def __init__(self, not_before: float = 0.0, first: float = FIRST) -> None:
        self.looks = 0
        self._not_before = not_before
        self._first = self._pause = first
        self._row = 0

    def count(self, is_there: bool, now: float) -> bool:
        """Take in one look; True once it is certain enough."""
        self.looks += 1
        self._row = self._row + 1 if is_there and now >= self._not_before else 0
        return self._row >= ENOUGH

    def pause(self) -> float:
        """Seconds until the next look: soon after a success, ever later after refusals."""
        seconds = self._first if self._row else self._pause
        self._pause = min(LONGEST, self._pause * 1.5)
        return seconds * random.uniform(0.8, 1.0)


def question(cloud: Cloud, probe: Probe) -> Flow[bool]:
    """One look at one grant."""
    grant = Grant(**probe["grant"])
    permissions = [Permission(*map(tuple, entry)) for entry in probe["permissions"]]
    return works(cloud, grant, permissions) if probe["is_own"] else is_listed(cloud, grant)


class AzureMLProbeTrigger(AzureMLBaseTrigger):
    """Fires once all grants work, or the deadline has passed. Nothing is cancelled: leases end by themselves.

    The event: `{"reason", "error", "looks", "carried"}`.

    :param azureml_conn_id: the broker's connection.
    :param probes: what to ask, and as whom.
    :param not_before: Unix time before which nothing counts as working.
    :param deadline: Unix time at which to fire.
    :param first: seconds between the first two looks.
    :param carried: what comes back with the event, for whoever goes on.
    """

    def __init__(
        self,
        azureml_conn_id: str,
        probes: Sequence[Probe],
        not_before: float,
        deadline: float,
        first: float = FIRST,
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(azureml_conn_id)
        self.probes = list(probes)
        self.not_before = not_before
        self.deadline = deadline
        self.first = first
        self.carried = dict(carried or {})

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "azureml_conn_id": self.azureml_conn_id,
            "probes": [dict(probe) for probe in self.probes],
            "not_before": self.not_before,
            "deadline": self.deadline,
            "first": self.first,
            "carried": self.carried,
        }

    async def watch(self) -> dict[str, Any]:
        """Look until it works; return the event."""
        return {**await self._watched(), "carried": self.carried}

    async def _watched(self) -> dict[str, Any]:
        sure = Confidence(self.not_before, self.first)
        try:
            await by(self.deadline, lambda: self._until(sure))
        except Overdue:
            return event(TIMEOUT, sure)
        except AzureMLError as error:
            return event(ERROR, sure, str(error))
        return event(ENDED, sure)

    def broken(self, error: str) -> dict[str, Any]:
        """The event when it was the waiting that failed."""
        return {**event(ERROR, Confidence(), error), "carried": self.carried}

    async def _until(self, sure: Confidence) -> None:
        hooks = {probe["conn_id"]: AzureMLHook(probe["conn_id"]) for probe in self.probes}
        while True:
            is_there = [await self._look(hooks[probe["conn_id"]], probe) for probe in self.probes]
            await self.say(INFO, "%d of %d grants work", sum(is_there), len(is_there))
            if sure.count(all(is_there), time.time()):
                return
            await asyncio.sleep(sure.pause())

    async def _look(self, hook: AzureMLHook, probe: Probe) -> bool:
        try:
            async with hook.opened() as session:
                return bool(await hook.arun(question(session.settings.cloud, probe), ONCE))
        except ConfigurationError:
            raise
        except ServiceError as error:
            await self.say(WARNING, "Whether a grant works is not to be had just now: %s", error)
            return False

    async def on_kill(self) -> None:
        """Nothing was begun that has to end."""

    async def cancel(self) -> None:
        """See `on_kill`."""


def event(reason: str, sure: Confidence, error: str = "") -> dict[str, Any]:
    """What the wait came to."""
    return {"reason": reason, "error": error, "looks": sure.looks}
