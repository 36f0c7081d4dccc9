# SPDX-License-Identifier: Apache-2.0
"""Rows of identity.md 3.1: who mounts, by identity and compute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_azureml.access.facts import Principal
from airflow_provider_azureml.access.run_identity import runner_of
from tests.unit.access.places import FACTS, NODE, SUBMITTER, TRAIN

MANAGED = {"identityType": "Managed"}
NAMED = {**MANAGED, "clientId": TRAIN.client_id}


@pytest.mark.parametrize(
    ("body", "principal"),
    [
        ({}, SUBMITTER),
        ({"identity": {"identityType": "UserIdentity"}}, SUBMITTER),
        ({"identity": NAMED}, TRAIN),
        ({"identity": {**MANAGED, "resourceId": TRAIN.resource_id}}, TRAIN),
        ({"identity": {"type": "managed", "client_id": TRAIN.client_id}}, TRAIN),
        ({"computeId": "/x/computes/cluster"}, NODE),
        ({"computeId": "azureml:cluster", "identity": MANAGED}, NODE),
        ({"computeId": "/x/computes/two"}, NODE),
        ({"computeId": "/x/computes/aks", "identity": {**MANAGED, "clientId": "node"}}, NODE),
        ({"computeId": "/x/computes/aks", "identity": MANAGED}, NODE),
    ],
)
def test_the_identity_that_mounts(body: dict[str, Any], principal: Principal) -> None:
    assert runner_of(body, FACTS).principal == principal


@pytest.mark.parametrize(
    ("body", "doubt"),
    [
        ({"identity": {"identityType": "AMLToken"}}, "no identity for data"),
        ({"identity": MANAGED}, "has 2 identities, and the job names none"),
        ({"identity": {**MANAGED, "clientId": "stranger"}}, "'stranger' is not attached to the workspace"),
        ({"computeId": "/x/computes/none"}, "no compute 'none'"),
        ({"computeId": "/x/computes/bare"}, "has no managed identity"),
    ],
)
def test_where_nobody_can_tell_the_reason_is_told(body: dict[str, Any], doubt: str) -> None:
    found = runner_of(body, FACTS)
    assert found.principal is None
    assert doubt in found.doubt


def test_what_was_not_read_is_a_reason_too() -> None:
    blind = replace(FACTS, attached=None, computes=None, submitter=None, unread={"workspace": "403 no"})
    assert runner_of({"identity": NAMED}, blind).doubt == "403 no"
    assert "were not read" in runner_of({"computeId": "/x/computes/cluster"}, blind).doubt
    assert "not known here" in runner_of({}, blind).doubt


def test_a_cluster_with_doubtful_identities_is_remarked_on() -> None:
    assert "the first one mounts" in runner_of({"computeId": "/x/computes/two"}, FACTS).remark
    named = runner_of({"computeId": "/x/computes/cluster", "identity": NAMED}, FACTS)
    assert (named.principal, named.named) == (TRAIN, TRAIN.client_id)
    assert "may mount with its default identity" in named.remark
