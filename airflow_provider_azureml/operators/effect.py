# SPDX-License-Identifier: Apache-2.0
"""Waiting until grants work, in a worker or in the triggerer: the same questions, the same patience."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.operators.wait import sleep
from airflow_provider_azureml.rest import probe
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.retry import ONCE
from airflow_provider_azureml.triggers.job import ENDED, TIMEOUT
from airflow_provider_azureml.triggers.poll import remaining
from airflow_provider_azureml.triggers.probe import AzureMLProbeTrigger, Confidence, Probe, event, question

if TYPE_CHECKING:
    from airflow_provider_azureml.operators.base import AzureMLBaseOperator

EFFECTIVE = "airflow/grant/effective"
"""Action of the audit record that says since when a grant works."""


@dataclass(frozen=True)
class Wait:
    """A wait for grants to work.

    :param broker: the broker's connection.
    :param not_before: Unix time before which nothing counts as working.
    :param deadline: Unix time.
    :param first: seconds between the first two looks.
    """

    broker: str
    probes: Sequence[Probe]
    not_before: float
    deadline: float
    first: float

    @classmethod
    def of(
        cls,
        hook: AzureMLHook,
        grants: Sequence[Grant],
        grantee: str,
        minimum: float,
        deadline: float,
        first: float,
    ) -> Wait:
        """What to ask about each grant, and as whom.

        :param hook: the broker's.
        :param grantee: a connection that signs in as one who is granted something; empty for none.
        :param minimum: seconds that have to pass where the grantee cannot ask.
        """
        who = AzureMLHook(grantee).identity().object_id.lower() if grantee else ""
        probes = [_probe(hook, each, grantee if each.principal_id.lower() == who else "") for each in grants]
        own = sum(each["is_own"] for each in probes)
        told = "Waiting until %d grants work: %d are tried out by the grantee, %d are looked for for %g s at least"
        hook.log.info(told, len(probes), own, len(probes) - own, minimum)
        not_before = time.time() + (minimum if own < len(probes) else 0.0)
        return cls(hook.azureml_conn_id, probes, not_before, deadline, first)

    def trigger(self, carried: Mapping[str, Any] | None = None) -> AzureMLProbeTrigger:
        """The wait in the triggerer.

        :param carried: comes back with the event: `dag.test()` forgets the keywords of a deferral.
        """
        return AzureMLProbeTrigger(
            self.broker, self.probes, self.not_before, self.deadline, self.first, carried
        )

    def watch(self, task: AzureMLBaseOperator) -> dict[str, Any]:
        """The same wait in this worker; returns the same event."""
        sure = Confidence(self.not_before, self.first)
        hooks = {each["conn_id"]: AzureMLHook(each["conn_id"]) for each in self.probes}
        while remaining(self.deadline) > 0:
            works = [_asked(task, hooks[each["conn_id"]], each) for each in self.probes]
            if sure.count(all(works), time.time()):
                return event(ENDED, sure)
            sleep(task, min(sure.pause(), max(remaining(self.deadline), 0.0)))
        return event(TIMEOUT, sure)


def note_effective(hook: AzureMLHook, grants: Sequence[Grant]) -> None:
    """Write into the audit log that grants work since now."""
    for each in grants:
        hook.note(EFFECTIVE, each.id, each.notes)


def why_not(event: Mapping[str, Any]) -> str:
    """Why the wait did not end well; empty when it did."""
    if event["reason"] == ENDED:
        return ""
    return str(event["error"]) or f"not within the time for it, at {event['looks']} looks"


def _probe(hook: AzureMLHook, grant: Grant, grantee: str) -> Probe:
    permissions = _entries(hook, grant) if grantee else []
    conn_id = grantee or hook.azureml_conn_id
    return {"grant": asdict(grant), "is_own": bool(grantee), "conn_id": conn_id, "permissions": permissions}


def _entries(hook: AzureMLHook, grant: Grant) -> list[list[list[str]]]:
    """What the role of a grant allows, as JSON values."""
    found = hook.run(probe.role_permissions(hook.settings.cloud, grant))
    return [[list(kind) for kind in astuple(entry)] for entry in found]


def _asked(task: AzureMLBaseOperator, hook: AzureMLHook, each: Probe) -> bool:
    try:
        with hook.new_driver(retry=ONCE) as driver:
            return bool(driver.run(question(hook.settings.cloud, each), hook.correlation_id))
    except ServiceError as error:
        task.log.warning("Whether a grant works is not to be had just now: %s", error)
        return False
