# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest
from azure.core.credentials import AccessToken

from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.identity import source_managed_identity
from tests.unit.identity.flows import jwt

GUID = "11111111-2222-3333-4444-555555555555"
VOUCHER = "99999999-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        ("public", "api://AzureADTokenExchange/.default"),
        ("usgovernment", "api://AzureADTokenExchangeUSGov/.default"),
        ("china", "api://AzureADTokenExchangeChina/.default"),
    ],
)
def test_the_vouching_identity_asks_for_its_clouds_exchange_audience(
    monkeypatch: pytest.MonkeyPatch, cloud: str, scope: str
) -> None:
    asked: list[Any] = []
    masked: list[str] = []

    class Source:
        def __init__(self, **options: Any) -> None:
            asked.append(options)

        def get_token(self, *scopes: str) -> AccessToken:
            asked.append(scopes)
            return AccessToken(jwt(aud="the exchange's own id"), 1)

    monkeypatch.setattr(azure.identity, "ManagedIdentityCredential", Source)
    extra = {
        "auth": "federated",
        "tenant_id": GUID,
        "client_id": GUID,
        "federated_source": "managed_identity",
        "source_client_id": VOUCHER,
        "cloud": cloud,
    }
    fetch = source_managed_identity.assertion(parse("c", "azureml", None, None, None, extra), masked.append)
    assert [fetch()] == masked
    assert asked == [{"client_id": VOUCHER}, (scope,)]
