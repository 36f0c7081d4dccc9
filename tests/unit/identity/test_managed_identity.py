# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.identity import managed_identity

GUID = "11111111-2222-3333-4444-555555555555"


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
