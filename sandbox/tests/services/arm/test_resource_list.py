# SPDX-License-Identifier: Apache-2.0
"""What there is in a subscription, as the az command line looks names up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azure_sandbox.testing import Sandbox
from sandbox.tests.services.machinelearning.lab import Lab, lab_seed


@pytest.fixture(scope="module")
def lab(serve_module: Callable[..., Sandbox]) -> Lab:
    seed = lab_seed()
    seed["key_vaults"] = [{"name": "kv", "resource_group": "rg"}]
    return Lab(serve_module(seed))


def _names(lab: Lab, who: str, path: str = "", **query: str) -> list[str]:
    scope = f"https://management.azure.com/subscriptions/{lab.cloud.subscription_id}{path}/resources"
    answer: Any = lab.as_(who)._send(scope, "GET", None, query)
    assert answer.status_code == 200, answer.text
    return sorted(item["name"] for item in answer.json()["value"])


def test_resources_are_found_by_type_and_name(lab: Lab) -> None:
    assert _names(lab, "admin", **{"$filter": "resourceType eq 'Microsoft.KeyVault/vaults'"}) == ["kv"]
    named = "resourceType eq 'microsoft.storage/storageaccounts' and name eq 'Lake'"
    assert _names(lab, "admin", **{"$filter": named}) == ["lake"]
    every = _names(lab, "admin")
    assert {"kv", "lake", "vault0", "ws", "wsstore", "runner"} <= set(every)
    assert _names(lab, "admin", "/resourceGroups/RG") == every
    assert _names(lab, "admin", "/resourceGroups/other") == []


def test_who_may_read_nothing_is_shown_nothing(lab: Lab) -> None:
    assert _names(lab, "stranger") == []
    assert _names(lab, "submitter") == ["detached", "powerless", "runner", "ws"]


def test_a_filter_that_is_not_understood_is_refused(lab: Lab) -> None:
    scope = f"https://management.azure.com/subscriptions/{lab.cloud.subscription_id}/resources"
    answer = lab.as_("admin")._send(scope, "GET", None, {"$filter": "tagName eq 'a'"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidFilterInQueryString")
