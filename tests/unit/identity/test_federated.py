# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.connection import _SOURCES, parse
from airflow_provider_azureml.identity import federated

GUID = "11111111-2222-3333-4444-555555555555"
EXTRA = {
    "auth": "federated",
    "tenant_id": GUID,
    "client_id": GUID,
    "federated_source": "managed_identity",
    "source_client_id": GUID,
}


def test_every_source_that_a_connection_may_name_exists() -> None:
    assert set(federated.SOURCES) == set(_SOURCES)


def test_each_sign_in_takes_a_fresh_assertion_and_masks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    masked: list[str] = []
    tokens = iter(["first", "second"])
    monkeypatch.setitem(federated.SOURCES, "managed_identity", lambda settings: lambda: next(tokens))
    monkeypatch.setattr(
        azure.identity,
        "ClientAssertionCredential",
        lambda tenant, client, func, **options: seen.append((tenant, client, func, options)),
    )
    federated.build(parse("c", "azureml", None, None, None, EXTRA), masked.append)
    tenant, client, func, options = seen[0]
    assert (tenant, client, options["authority"]) == (GUID, GUID, "https://login.microsoftonline.com")
    assert [func(), func()] == ["first", "second"] == masked
