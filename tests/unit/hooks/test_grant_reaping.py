# SPDX-License-Identifier: Apache-2.0
"""What is listed and counted; what is deleted over HTTP is in tests/wire/test_grants.py."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.leasing import Desk
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, ServiceError
from airflow_provider_azureml.hooks.grant_reaping import GrantReaper
from airflow_provider_azureml.rest.assignment import Made, Mark
from tests.unit.canned import CannedHook

SCOPE = "/subscriptions/s/resourceGroups/g"
DESK = Desk(CLOUDS["public"], "https://a.blob.core.windows.net/leases", "d", "broker")
OVER, LATER = Mark("d", time.time() - 86400), Mark("d", time.time() + 86400)


class CannedBroker:
    """A broker whose deletes have known outcomes."""

    def __init__(self, *items: dict[str, Any], outcome: Any = leasing.DELETED) -> None:
        self.desk = DESK
        hook: Any = CannedHook().on("GET", "/roleAssignments", {"value": list(items)})
        hook.settings = SimpleNamespace(cloud=DESK.cloud)
        self.hook, self.outcome, self.reaped = hook, outcome, list[str]()
        self.log = logging.getLogger("canned")

    def reap(self, made: Made) -> str:
        self.reaped.append(made.name)
        if isinstance(self.outcome, AzureMLError):
            raise self.outcome
        return str(self.outcome)


def arm(name: str, description: str, by: str = "broker", scope: str = SCOPE) -> dict[str, Any]:
    properties = {"scope": scope, "principalId": "p", "roleDefinitionId": "/x/r", "createdBy": by}
    return {
        "id": f"{scope}/{name}",
        "name": name,
        "properties": {**properties, "description": description},
    }


ALL = [
    arm("over", str(OVER)),
    arm("later", str(LATER)),
    arm("foreign", str(Mark("other", 1.0))),
    arm("person", str(OVER), by="a person"),
    arm("standing", "by hand"),
    arm("above", "by hand", scope="/"),
]


def passed(broker: Any, acts: bool = True) -> tuple[list[str], Any]:
    reaper = GrantReaper(broker, [SCOPE], acts=acts)
    return [seen.line() for seen in reaper.run()], reaper.tally


def test_only_what_is_ours_and_over_is_deleted_and_everything_is_counted() -> None:
    broker = CannedBroker(*ALL)
    lines, tally = passed(broker)
    assert broker.reaped == ["over"]
    assert (tally.seen, tally.ours, tally.due, tally.deleted) == (6, 2, 1, 1)
    assert (tally.used, tally.limit) == (5, 4000)
    assert [line.split()[0] for line in lines] == ["DELETE", "LEAVE", "LEAVE", "LEAVE"]
    assert "a person made it, not the broker" in lines[3]


def test_a_dry_run_deletes_nothing() -> None:
    broker = CannedBroker(*ALL)
    assert passed(broker, acts=False)[1].due == 1
    assert broker.reaped == []


def test_a_lease_that_lives_and_a_refusal_are_told_apart() -> None:
    assert passed(CannedBroker(*ALL, outcome=leasing.KEPT))[1].kept == 1
    lines, tally = passed(CannedBroker(*ALL, outcome=ServiceError(403, "X", "no")))
    assert tally.failed == 1
    assert "not deleted: 403 X" in lines[0]


@pytest.mark.parametrize("scopes", ["/subscriptions/s", [], ["nightly"]])
def test_scopes_are_a_list_of_arm_ids(scopes: Any) -> None:
    with pytest.raises(ConfigurationError, match="scopes"):
        passed_over(scopes)


def passed_over(scopes: Any) -> None:
    broker: Any = CannedBroker()
    list(GrantReaper(broker, scopes).run())
