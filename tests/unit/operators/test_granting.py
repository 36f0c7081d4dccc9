# SPDX-License-Identifier: Apache-2.0
"""What is done with a broker that is canned; over HTTP it is in tests/wire/test_grants.py."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.access.grant import LEASED, STANDING
from airflow_provider_azureml.compat import TaskDeferred
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, DeniedError
from airflow_provider_azureml.operators import granting
from airflow_provider_azureml.operators.grant import AzureMLGrantAccessOperator
from airflow_provider_azureml.triggers.moment import AzureMLMomentTrigger

GRANT = {"principal_id": "p", "role": "r", "scope": "/subscriptions/s", "how": LEASED}
RECORD = {"holder": "h", "lease": "t", "through": "assignment", "broker": "b", "grants": [GRANT]}


class CannedBroker:
    """Gives back as it is told to."""

    def __init__(self, outcome: Any = "deleted") -> None:
        self.outcome = outcome
        self.hook = SimpleNamespace(log=logging.getLogger("canned"))
        self.given_back: list[Any] = []

    def give_back(self, grant: Any, holder: str, token: str) -> str:
        self.given_back.append((grant.scope, holder, token))
        if isinstance(self.outcome, AzureMLError):
            raise self.outcome
        return str(self.outcome)


def give_back(broker: Any, record: dict[str, Any]) -> dict[str, str]:
    return granting.give_back(broker, record)


def test_only_leases_are_given_back() -> None:
    broker = CannedBroker()
    standing = {**GRANT, "scope": "/subscriptions/other", "how": STANDING}
    outcomes = give_back(broker, {**RECORD, "grants": [GRANT, standing]})
    assert broker.given_back == [("/subscriptions/s", "h", "t")]
    assert sorted(outcomes.values()) == ["deleted", "standing"]


def test_one_that_cannot_be_given_back_does_not_keep_the_others() -> None:
    broker = CannedBroker(DeniedError(403, "X", "no"))
    other = {**GRANT, "scope": "/subscriptions/other"}
    outcomes = give_back(broker, {**RECORD, "grants": [GRANT, other]})
    assert len(broker.given_back) == 2
    assert [text.split(":")[0] for text in outcomes.values()] == ["failed", "failed"]


@pytest.mark.parametrize("granted", ["text", {"x": 1}, [1]])
def test_what_is_no_result_of_a_setup_is_refused(granted: Any) -> None:
    task: Any = SimpleNamespace(log=logging.getLogger("canned"))
    with pytest.raises(ConfigurationError, match="no result of a grant"):
        granting.revoke(task, granted)
    assert granting.revoke(task, None) == {}


def test_there_must_be_something_to_grant() -> None:
    task: Any = AzureMLGrantAccessOperator(task_id="grant")
    broker: Any = CannedBroker()
    with pytest.raises(ConfigurationError, match="nothing to grant"):
        granting.wishes(task, broker)


@pytest.mark.parametrize("problem", [DeniedError(403, "X", "no"), KeyboardInterrupt()])
def test_a_setup_that_fails_gives_back_what_it_has_since_it_has_no_teardown(problem: BaseException) -> None:
    broker: Any = CannedBroker()
    with pytest.raises(type(problem)), granting.given_back_on_failure(broker, RECORD):
        raise problem
    assert len(broker.given_back) == 1


def test_a_setup_that_waits_elsewhere_keeps_what_it_has() -> None:
    broker: Any = CannedBroker()
    waits = TaskDeferred(trigger=AzureMLMomentTrigger(0.0), method_name="proceed")
    with pytest.raises(TaskDeferred), granting.given_back_on_failure(broker, RECORD):
        raise waits
    assert broker.given_back == []
