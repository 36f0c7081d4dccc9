# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest import managed_identity
from airflow_provider_azureml.rest.graph import FederatedCredential
from airflow_provider_azureml.rest.managed_identity import ManagedIdentity

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/run"


def test_an_identity_is_read_by_its_arm_id(play) -> None:
    body = {"id": ID, "name": "run", "properties": {"principalId": "p", "clientId": "c", "tenantId": "t"}}
    played = play(managed_identity.get(CLOUDS["public"], ID), body)
    assert played.result == ManagedIdentity(ID, "run", "p", "c")
    assert played.requests[0].url == f"https://management.azure.com{ID}?api-version=2023-01-31"


def test_its_federated_credentials_are_read_like_those_of_an_application(play) -> None:
    item = {"name": "fic", "properties": {"issuer": "https://i", "subject": "s", "audiences": ["a"]}}
    played = play(managed_identity.federated_credentials(CLOUDS["public"], ID), {"value": [item]})
    assert played.result == [FederatedCredential("fic", "https://i", "s", ("a",))]
