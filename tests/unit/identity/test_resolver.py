# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from airflow_provider_azureml.connection import CLOUDS, Settings, parse
from airflow_provider_azureml.identity import resolver
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.identity.threaded import ThreadedCredential

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
            "VaultedSecret",
        ),
    ],
)
def test_each_way_becomes_its_credential(extra: dict[str, Any], password: str | None, kind: str) -> None:
    assert type(resolver.credential(settings(extra, password))).__name__ == kind


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


def test_the_authority_is_always_explicit_and_an_unlisted_one_is_not_looked_up() -> None:
    assert authority_options(CLOUDS["usgovernment"])["authority"] == "https://login.microsoftonline.us"
    assert "disable_instance_discovery" not in authority_options(CLOUDS["china"])
    own = type(CLOUDS["china"])(*["https://own.example"] * 9)
    assert authority_options(own)["disable_instance_discovery"] is True


def test_a_connections_secret_is_masked_before_it_is_used() -> None:
    masked: list[str] = []
    resolver.credential(settings({"auth": "client_secret", **APP}, "masked-secret"), masked.append)
    assert masked == ["masked-secret"]


class Slow:
    """A sync credential that counts."""

    def __init__(self, *expires_on: int) -> None:
        self.expiries = list(expires_on)
        self.calls = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.calls += 1
        return AccessToken(f"t{self.calls}", self.expiries.pop(0))


async def test_many_tasks_of_a_loop_ask_for_one_token_together() -> None:
    inner = Slow(9_999_999_999)
    credential = ThreadedCredential(inner)
    tokens = await asyncio.gather(*(credential.get_token("s") for _ in range(50)))
    assert ({token.token for token in tokens}, inner.calls) == ({"t1"}, 1)


async def test_a_token_near_its_end_is_asked_again() -> None:
    inner = Slow(1, 9_999_999_999)
    credential = ThreadedCredential(inner)
    assert (await credential.get_token("s")).token == "t1"
    assert (await credential.get_token("s")).token == "t2"
    assert (await credential.get_token("s")).token == "t2"
