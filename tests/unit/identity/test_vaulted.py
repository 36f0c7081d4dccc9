# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.identity.client_secret import WRONG_SECRET
from airflow_provider_azureml.identity.vaulted import Renewable, Stored, in_file
from tests.unit.identity.flows import APP, settings

INVALID = "AADSTS7000215: Invalid client secret provided."


class Entra:
    """Knows which secrets are good."""

    def __init__(self, *good: str, refusal: str = INVALID) -> None:
        self.good = set(good)
        self.refusal = refusal
        self.logins: list[str] = []

    def login(self, stored: Stored) -> Any:
        self.logins.append(stored.text)
        entra = self

        class Credential:
            def get_token(self, *scopes: str, **options: Any) -> AccessToken:
                if stored.text not in entra.good:
                    raise ClientAuthenticationError(entra.refusal)
                return AccessToken(f"{stored.text}:{scopes[0]}", 9_999_999_999)

        return Credential()


class Vault:
    """Counts how often it was read."""

    def __init__(self, version: str, secret: str) -> None:
        self.now = (version, secret)
        self.reads = 0

    def read(self) -> Stored:
        self.reads += 1
        return Stored(*self.now)


def signs_in(vault: Vault, entra: Entra) -> Renewable:
    return Renewable(vault.read, entra.login, WRONG_SECRET)


def test_the_vault_is_read_once_for_many_tokens() -> None:
    vault, entra = Vault("1", "a"), Entra("a")
    credential = signs_in(vault, entra)
    assert {credential.get_token("s").token for _ in range(5)} == {"a:s"}
    assert (vault.reads, entra.logins) == (1, ["a"])


@pytest.mark.parametrize("code", ["AADSTS7000215: invalid", "AADSTS7000222: expired"])
def test_a_secret_that_was_rotated_away_is_read_again(code: str) -> None:
    vault, entra = Vault("1", "a"), Entra("a", refusal=code)
    credential = signs_in(vault, entra)
    credential.get_token("s")
    vault.now, entra.good = ("2", "b"), {"b"}
    assert credential.get_token("s").token == "b:s"
    assert vault.reads == 2


def test_a_refused_latest_version_is_not_read_for_ever() -> None:
    vault, entra = Vault("1", "a"), Entra()
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        signs_in(vault, entra).get_token("s")
    assert vault.reads == 2


def test_another_refusal_is_not_a_reason_to_read_the_vault_again() -> None:
    vault, entra = Vault("1", "a"), Entra(refusal="AADSTS700016: Application not found")
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        signs_in(vault, entra).get_token("s")
    assert vault.reads == 1


def test_many_threads_that_meet_a_rotation_read_the_vault_once() -> None:
    vault, entra = Vault("1", "a"), Entra("a")
    credential = signs_in(vault, entra)
    credential.get_token("s")
    vault.now, entra.good = ("2", "b"), {"b"}
    start = threading.Barrier(8)

    def ask(number: int) -> str:
        start.wait()
        return credential.get_token("s").token

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"b:s"}
    assert vault.reads == 2


def test_what_is_stored_does_not_show() -> None:
    assert "s3cret" not in repr(Stored("1", "s3cret"))


def test_a_files_version_is_its_content(tmp_path: Path) -> None:
    path = tmp_path / "c"
    own = settings(auth="certificate", **APP, certificate_file=str(path))
    path.write_bytes(b"a")
    first = in_file(own, "certificate_file")
    path.write_bytes(b"b")
    second = in_file(own, "certificate_file")
    assert (first.text, second.text) == ("a", "b")
    assert first.version != second.version


def test_a_missing_file_is_named_with_its_field() -> None:
    own = settings(auth="certificate", **APP, certificate_file="/not/there")
    with pytest.raises(
        ConfigurationError, match="extra 'certificate_file': '/not/there' cannot be read: No such"
    ):
        in_file(own, "certificate_file")
