# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.broker import Broker, broker_conn_id
from tests.unit.canned import CannedHook

WHO = "11111111-1111-4111-8111-111111111111"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
GIVEN = {"principal_id": WHO, "role": "Storage Blob Data Reader", "scope": "/subscriptions/s/"}


def hook() -> Any:
    made = CannedHook()
    made.settings = SimpleNamespace(cloud=made.workspace.cloud)
    return made


def test_a_grant_is_read_as_a_person_writes_it() -> None:
    grant = Broker(hook()).grant_of(GIVEN)
    assert (grant.principal_id, grant.role, grant.scope) == (WHO, READER, "/subscriptions/s")
    assert Broker(hook()).grant_of({**GIVEN, "role": READER.upper()}).role == READER


def test_a_role_of_ones_own_is_looked_up_by_its_name() -> None:
    body = {"id": "i", "name": READER, "properties": {"roleName": "Ours", "permissions": []}}
    known = hook().on("GET", "/roleDefinitions", {"value": [body]})
    assert Broker(known).grant_of({**GIVEN, "role": "Ours"}).role == READER


def test_a_role_that_does_not_exist_is_named_before_anything_is_granted() -> None:
    nothing = hook().on("GET", "/roleDefinitions", {"value": []})
    with pytest.raises(ConfigurationError, match="'Storage Blob Data Raeder' does not exist"):
        Broker(nothing).grant_of({**GIVEN, "role": "Storage Blob Data Raeder"})


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"principal_id": "train"}, "is no GUID"),
        ({"principal_id": ""}, "has no 'principal_id'"),
        ({"scope": "nightly"}, "is no ARM id"),
        ({"scopes": "x"}, "unknown field 'scopes'"),
    ],
)
def test_a_grant_that_is_none_is_one_clear_error(change: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Broker(hook()).grant_of({**GIVEN, **change})


def test_there_are_two_ways_to_grant() -> None:
    with pytest.raises(ConfigurationError, match="Choose one of: assignment, schedule"):
        Broker(hook(), "group")


def test_the_broker_is_the_one_that_is_named_else_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__BROKER_CONN_ID", raising=False)
    with pytest.raises(ConfigurationError, match="AIRFLOW__AZUREML__BROKER_CONN_ID"):
        broker_conn_id()
    monkeypatch.setenv("AIRFLOW__AZUREML__BROKER_CONN_ID", "broker")
    assert (broker_conn_id(), broker_conn_id("mine")) == ("broker", "mine")


def test_a_broker_without_a_place_for_its_leases_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"auth": "managed_identity", "client_id": WHO}
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", json.dumps({"conn_type": "azureml", "extra": extra}))
    with pytest.raises(ConfigurationError, match="account_url"):
        _ = Broker(AzureMLHook("broker")).desk
