# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.identity.how import WEBHOOKS, backend, described
from airflow_provider_azureml.ways import SOURCES, WAYS
from tests.unit.test_connection import GOOD

TOLD = {
    "secret in the connection": "client_secret (the connection's password)",
    "secret in Key Vault": "client_secret (https://v.vault.azure.net/secrets/train)",
    "managed identity by object id": "managed_identity (object_id 11111111-2222-3333-4444-555555555555, from IMDS)",
    "system identity": "managed_identity (client_id system, from IMDS)",
    "workload identity with file": "workload_identity (file /t)",
    "managed identity vouches": "federated by managed_identity "
    "(client_id 99999999-2222-3333-4444-555555555555, from IMDS)",
    "Kubernetes vouches": "federated by kubernetes (file /t)",
    "Okta vouches": "federated by okta (https://org.okta.com/oauth2/aus1 as 0oa1)",
    "AWS STS vouches": "federated by aws_sts (region eu-west-1)",
    "Cognito vouches": "federated by cognito (pool eu-west-1:11111111-2222-3333-4444-555555555555, login train)",
    "GCP vouches": "federated by gcp_metadata (metadata.google.internal)",
    "certificate in a file": "certificate (/c)",
    "certificate in Key Vault": "certificate (https://v.vault.azure.net/secrets/train)",
    "Azure CLI": "azure_cli (az login, tenant of the CLI)",
    "default": "default",
}


@pytest.mark.parametrize("name", TOLD)
def test_a_way_is_told_with_its_source_and_its_file_or_host(name: str) -> None:
    extra, password = GOOD[name]
    assert described(parse("c1", "azureml", None, password, None, extra)) == TOLD[name]


@pytest.mark.parametrize("name", GOOD)
def test_no_way_tells_its_secret(name: str) -> None:
    extra, password = GOOD[name]
    assert "s3cret" not in described(parse("c1", "azureml", None, password, None, extra))


def test_every_way_and_every_source_is_told() -> None:
    extras: list[dict[str, Any]] = [GOOD[name][0] for name in TOLD]
    assert {extra["auth"] for extra in extras} == set(WAYS)
    assert {extra["federated_source"] for extra in extras if "federated_source" in extra} == set(SOURCES)


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ((), "IMDS"),
        (("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), "App Service"),
        (("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"), "Service Fabric"),
        (("IDENTITY_ENDPOINT", "IMDS_ENDPOINT"), "Azure Arc"),
        (("IDENTITY_ENDPOINT",), "nobody (IDENTITY_ENDPOINT without IDENTITY_HEADER)"),
        (("MSI_ENDPOINT", "MSI_SECRET"), "Azure ML"),
        (("MSI_ENDPOINT",), "Cloud Shell"),
        (WEBHOOKS, "the pod's workload identity"),
        (WEBHOOKS[:2], "IMDS"),
    ],
)
def test_the_environment_decides_who_is_asked_for_a_managed_identity(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], asked: str
) -> None:
    environment = {name: "x" for name in names}
    assert backend(environment) == asked


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ((), "ImdsCredential"),
        (("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), "AppServiceCredential"),
        (("MSI_ENDPOINT", "MSI_SECRET"), "AzureMLCredential"),
        (WEBHOOKS, "WorkloadIdentityCredential"),
        (WEBHOOKS[:2], "ImdsCredential"),
    ],
)
def test_azure_identity_itself_decides_so(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], kind: str
) -> None:
    from azure.identity import ManagedIdentityCredential

    for name in names:
        monkeypatch.setenv(name, "https://x.example")
    chosen = ManagedIdentityCredential(client_id="11111111-2222-3333-4444-555555555555")._credential
    assert type(chosen).__name__ == kind
