# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from azure.identity import ClientSecretCredential

from airflow_provider_azureml.identity import client_secret
from airflow_provider_azureml.identity.vaulted import Renewable
from tests.unit.identity.flows import APP, GUID, settings

VAULT = {
    "credential_vault_url": "https://v.vault.azure.net",
    "credential_name": "n",
    "credential_reader_client_id": GUID,
}


def test_the_connections_own_secret_is_masked_and_used() -> None:
    masked: list[str] = []
    built = client_secret.build(settings("s3cret", auth="client_secret", **APP), masked.append)
    assert isinstance(built, ClientSecretCredential)
    assert masked == ["s3cret"]


def test_a_vaults_secret_is_read_when_it_is_needed_and_renewed() -> None:
    built = client_secret.build(settings(auth="client_secret", **APP, **VAULT), print)
    assert isinstance(built, Renewable)
