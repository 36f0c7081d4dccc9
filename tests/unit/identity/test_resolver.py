# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import Any

import pytest

from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.ways import WAYS

GUID = "11111111-2222-3333-4444-555555555555"
APP = {"tenant_id": GUID, "client_id": GUID}


def settings(extra: dict[str, Any], password: str | None = None) -> Settings:
    return parse("c1", "azureml", None, password, None, extra)


@pytest.mark.parametrize(
    ("extra", "password", "kind"),
    [
        ({"auth": "client_secret", **APP}, "s", "ClientSecretCredential"),
        ({"auth": "managed_identity", "client_id": GUID}, None, "ManagedIdentityCredential"),
        ({"auth": "managed_identity", "client_id": "system"}, None, "ManagedIdentityCredential"),
        ({"auth": "workload_identity", **APP, "assertion_file": "/t"}, None, "ClientAssertionCredential"),
        (
            {"auth": "federated", **APP, "federated_source": "managed_identity", "source_client_id": GUID},
            None,
            "ClientAssertionCredential",
        ),
        (
            {
                "auth": "client_secret",
                **APP,
                "credential_vault_url": "https://v.vault.azure.net",
                "credential_name": "n",
                "credential_reader_client_id": GUID,
            },
            None,
            "Renewable",
        ),
        ({"auth": "certificate", **APP, "certificate_file": "/c"}, None, "Renewable"),
        ({"auth": "managed_identity", "object_id": GUID}, None, "ManagedIdentityCredential"),
        ({"auth": "azure_cli"}, None, "AzureCliCredential"),
        ({"auth": "default"}, None, "DefaultAzureCredential"),
        (
            {"auth": "federated", **APP, "federated_source": "gcp_metadata"},
            None,
            "ClientAssertionCredential",
        ),
    ],
)
def test_each_way_becomes_its_credential(extra: dict[str, Any], password: str | None, kind: str) -> None:
    assert type(resolver.credential(settings(extra, password)).inner).__name__ == kind


def test_one_credential_is_kept_per_settings_until_it_is_forgotten() -> None:
    mine, other = (
        settings({"auth": "client_secret", **APP}, "s1"),
        settings({"auth": "client_secret", **APP}, "s2"),
    )
    first = resolver.credential(mine)
    assert resolver.credential(settings({"auth": "client_secret", **APP}, "s1")) is first
    assert resolver.credential(other) is not first
    resolver.forget(mine)
    assert resolver.credential(mine) is not first


def test_a_forked_child_makes_its_own_credential() -> None:
    mine = settings({"auth": "client_secret", **APP}, "fork")
    parents = resolver.credential(mine)
    with resolver._CACHE._lock:  # a thread of the parent may hold it at the moment of the fork
        child = os.fork()
        if child == 0:
            os._exit(0 if resolver.credential(mine) is not parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_connections_secret_is_masked_before_it_is_used() -> None:
    masked: list[str] = []
    resolver.credential(settings({"auth": "client_secret", **APP}, "masked-secret"), masked.append)
    assert masked == ["masked-secret"]


def test_every_way_of_the_table_has_a_builder() -> None:
    assert set(resolver._BUILDERS) == set(WAYS)


async def test_both_flavours_of_a_connection_are_one_credential() -> None:
    mine = settings({"auth": "client_secret", **APP}, "both")
    assert resolver.async_credential(mine)._inner is resolver.credential(mine)
