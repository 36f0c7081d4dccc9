# SPDX-License-Identifier: Apache-2.0
"""Network rules: whom they let in, and what a seed may say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.app import create_cloud, create_services
from azure_sandbox.kernel.network import Origin, admits, checked_rules, open_rules
from azure_sandbox.kernel.seed import InvalidSeed, network

SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/jobs"
JOBS = Origin("198.51.100.20", SUBNET)


def _rules(**given: Any) -> dict[str, Any]:
    return checked_rules({"defaultAction": "Deny", **given}, open_rules())


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ({}, False),
        ({"ipRules": [{"value": "198.51.100.20"}]}, True),
        ({"ipRules": [{"value": "198.51.100.0/24"}]}, True),
        ({"ipRules": [{"value": "198.51.100.21"}]}, False),
        ({"virtualNetworkRules": [{"id": SUBNET.upper()}]}, True),
        ({"virtualNetworkRules": [{"id": SUBNET + "2"}]}, False),
        ({"defaultAction": "Allow"}, True),
    ],
)
def test_an_address_or_its_subnet_is_let_in(rules: dict[str, Any], admitted: bool) -> None:
    assert admits("Enabled", _rules(**rules), JOBS) is admitted
    assert not admits("Disabled", _rules(**rules), JOBS)


def test_a_rule_for_a_subnet_does_not_admit_who_comes_from_none() -> None:
    rules = _rules(virtualNetworkRules=[{"id": SUBNET}])
    assert not admits("Enabled", rules, Origin("203.0.113.10"))


def test_a_list_that_is_given_replaces_the_list_and_nothing_else() -> None:
    before = _rules(ipRules=[{"value": "198.51.100.20"}], bypass="None")
    after = checked_rules({"ipRules": []}, before)
    assert (after["ipRules"], after["bypass"], after["defaultAction"]) == ([], "None", "Deny")
    assert before["ipRules"]


def test_the_seed_says_where_both_sides_come_from() -> None:
    found = network({"network": {"clients": "192.0.2.1", "jobs_subnet": SUBNET}})
    assert (found.clients, found.jobs) == (Origin("192.0.2.1"), Origin("198.51.100.20", SUBNET))


@pytest.mark.parametrize("section", [{"clients": "here"}, {"jobs": "300.1.1.1"}, {"offices": "192.0.2.1"}])
def test_a_network_that_is_none_is_refused(section: dict[str, str]) -> None:
    with pytest.raises(InvalidSeed, match="network"):
        network({"network": section})


@pytest.mark.parametrize(
    ("section", "entry", "word"),
    [
        ("storage_accounts", {"public_network_access": "Maybe"}, "publicNetworkAccess"),
        ("storage_accounts", {"network_acls": {"defaultAction": "Perhaps"}}, "defaultAction"),
        ("key_vaults", {"network_acls": {"ipRules": [{"value": "10.0.0.1"}]}}, "ipRules"),
        ("key_vaults", {"rbac": "no"}, "enableRbacAuthorization"),
        ("key_vaults", {"access_policies": [{"principal": "nobody"}]}, "nobody"),
        ("container_registries", {"name": None}, "name"),
    ],
)
def test_a_seed_that_cannot_be_names_what_is_wrong(
    tmp_path: Path, section: str, entry: dict[str, Any], word: str
) -> None:
    whole = {"name": "thing", "resource_group": "rg", **entry}
    document = {section: [{key: value for key, value in whole.items() if value is not None}]}
    cloud = create_cloud(tmp_path, document)
    with pytest.raises(InvalidSeed, match=word):
        create_services(cloud, document)
    cloud.store.close()
