# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from airflow_provider_azureml.checks.account import accounts
from tests.unit.canned import DENIED, CannedHook
from tests.unit.checks.patients import LAKE, OPEN, STORE, Patient, case, submitted

FIREWALL = "This request is not authorized to perform this operation."


def found(hook: CannedHook, **given: Any) -> Any:
    (one,) = accounts(case(hook, **{"job": "a", **given}))
    return one


def lake(**properties: Any) -> CannedHook:
    told = {**OPEN, "properties": {**OPEN["properties"], **properties}}  # type: ignore[dict-item]
    return submitted(Patient()).on("GET", "/storageAccounts/lake", told)


def keyed(hook: CannedHook) -> CannedHook:
    one = {**STORE, "properties": {**STORE["properties"], "credentials": {"credentialsType": "AccountKey"}}}  # type: ignore[dict-item]
    return hook.on("GET", "/datastores", {"value": [one]}).on("GET", "/datastores/raw", one)


def test_an_open_account_is_present() -> None:
    assert found(lake()).level == "present"


def test_an_account_that_cannot_be_read_is_unknown() -> None:
    assert found(submitted(Patient()).on("GET", "/storageAccounts/lake", DENIED)).level == "unknown"


def test_without_a_place_the_plane_is_not_used() -> None:
    (one,) = accounts(case(Patient()))
    assert one.level == "not used"


def test_keys_that_are_off_and_a_datastore_that_stores_one_make_it_identity_based() -> None:
    told = found(keyed(lake(allowSharedKeyAccess=False)))
    assert told.is_problem
    body = json.loads(shlex.split(told.hint)[-1])["properties"]
    assert body["credentials"] == {"credentialsType": "None"}
    assert (body["accountName"], body["filesystem"]) == ("lake", "raw")


def test_a_stale_key_is_a_matter_of_the_refusal() -> None:
    text = "Make sure the value of Authorization header is formed correctly"
    assert found(keyed(lake()), error=text).is_problem
    assert not found(keyed(lake())).is_problem


@pytest.mark.parametrize("error, level", [(FIREWALL, "MISSING"), ("", "unknown")])
def test_a_firewall_is_the_cause_only_where_somebody_was_refused_by_one(error: str, level: str) -> None:
    told = found(
        lake(networkAcls={"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.10"}]}), error=error
    )
    assert told.level == level
    assert "203.0.113.10" in told.message


def test_public_access_that_is_off_is_named() -> None:
    told = found(lake(publicNetworkAccess="Disabled"))
    assert told.hint.endswith("--public-network-access Enabled")
    assert "a private endpoint" in told.message  # the command is the quick mend, not the good one


def test_a_workspace_that_may_not_look_gets_reader_on_the_account() -> None:
    hook = lake().on("GET", "/workspaces/ws", {"identity": {"principalId": "o-ws"}})
    told = found(hook, error="AzureIdentityAccessTokenResolution.FirewallSettingsResolutionFailure")
    assert told.hint.endswith(f"--role Reader --scope {LAKE}")
    assert "o-ws" in told.message
