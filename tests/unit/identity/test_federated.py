# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.identity import federated
from airflow_provider_azureml.ways import SOURCES
from tests.unit.identity.flows import GUID
from tests.unit.identity.flows import federated as federated_settings


def test_every_source_that_a_connection_may_name_exists() -> None:
    assert set(federated.SOURCES) == set(SOURCES)


def test_each_sign_in_takes_a_fresh_assertion(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    tokens = iter(["first", "second"])
    monkeypatch.setitem(federated.SOURCES, "gcp_metadata", lambda settings, mask: lambda: next(tokens))
    monkeypatch.setattr(
        azure.identity,
        "ClientAssertionCredential",
        lambda tenant, client, func, **options: seen.append((tenant, client, func, options)),
    )
    federated.build(federated_settings("gcp_metadata"), print)
    tenant, client, func, options = seen[0]
    assert (tenant, client, options["authority"]) == (GUID, GUID, "https://login.microsoftonline.com")
    assert [func(), func()] == ["first", "second"]
