# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.identity import managed_identity
from airflow_provider_azureml.identity.how import WEBHOOKS
from tests.unit.identity.flows import APP, GUID, settings

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
    managed_identity.of_client(settings(auth="managed_identity", client_id=GUID), "client_id")
    assert asked == [{"client_id": GUID}]


def test_the_hosts_own_identity_is_said_on_purpose(asked: list[dict[str, Any]]) -> None:
    managed_identity.of_client(settings(auth="managed_identity", client_id="system"), "client_id")
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


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pod in which AKS's webhook named another identity."""
    for name in WEBHOOKS:
        monkeypatch.setenv(name, str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
    monkeypatch.setenv("AZURE_TENANT_ID", GUID)
    monkeypatch.setenv("AZURE_CLIENT_ID", "the-pods-own")


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("extra", [{"client_id": "system"}, {"object_id": GUID}, {"resource_id": RESOURCE}])
def test_in_a_workload_identitys_pod_no_connection_becomes_the_pod_by_another_name(
    extra: dict[str, str],
) -> None:
    (name,) = extra
    mend = "Use auth 'workload_identity', or the identity's client id in 'client_id'"
    with pytest.raises(ConfigurationError, match=f"extra '{name}': cannot be used here.* {mend}"):
        managed_identity.build(settings(auth="managed_identity", **extra), print)


@pytest.mark.usefixtures("pod")
def test_in_a_workload_identitys_pod_the_reader_of_a_vault_is_named_by_its_client_id() -> None:
    own = settings(
        auth="client_secret",
        **APP,
        credential_vault_url="https://v.vault.azure.net",
        credential_name="train",
        credential_reader_client_id="system",
    )
    mend = "Give the identity's client id in 'credential_reader_client_id'"
    with pytest.raises(ConfigurationError, match=f"extra 'credential_reader_client_id': .* {mend}"):
        managed_identity.of_client(own, "credential_reader_client_id")


@pytest.mark.usefixtures("pod")
def test_in_a_workload_identitys_pod_a_client_id_is_the_one_that_signs_in(
    asked: list[dict[str, Any]],
) -> None:
    managed_identity.build(settings(auth="managed_identity", client_id=GUID), print)
    assert asked == [{"client_id": GUID}]
