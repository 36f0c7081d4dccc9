# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.identity import managed_identity
from tests.unit.identity.flows import GUID, settings

RESOURCE = (
    f"/subscriptions/{GUID}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What azure-identity was asked for."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(azure.identity, "ManagedIdentityCredential", lambda **options: seen.append(options))
    return seen


def test_an_identity_is_always_named_since_a_host_may_have_many(asked: list[dict[str, Any]]) -> None:
    managed_identity.of_client(GUID)
    assert asked == [{"client_id": GUID}]


def test_the_hosts_own_identity_is_said_on_purpose(asked: list[dict[str, Any]]) -> None:
    managed_identity.of_client("system")
    assert asked == [{}]


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ({"client_id": GUID}, {"client_id": GUID}),
        ({"client_id": "system"}, {}),
        ({"object_id": GUID}, {"identity_config": {"object_id": GUID}}),
        ({"resource_id": RESOURCE}, {"identity_config": {"resource_id": RESOURCE}}),
    ],
)
def test_each_name_of_an_identity_is_asked_for_as_what_it_is(
    asked: list[dict[str, Any]], extra: dict[str, str], options: dict[str, Any]
) -> None:
    managed_identity.build(settings(auth="managed_identity", **extra), print)
    assert asked == [options]
