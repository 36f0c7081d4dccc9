# SPDX-License-Identifier: Apache-2.0
"""An application with a secret: held by the connection, or better, in Key Vault.

In Key Vault the secret may be rotated under a long-running trigger. azure-identity keeps what it
was given for ever, so `VaultedSecret` reads again when Entra says that the secret is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import managed_identity
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.rest.azure_error import translate

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential
    from azure.identity import ClientSecretCredential

WRONG_SECRET = ("AADSTS7000215", "AADSTS7000222")
"""Entra's codes for an invalid and for an expired client secret (identity.md 4.4)."""


def build(settings: Settings, mask: Callable[[str], None]) -> TokenCredential:
    """A credential from the connection's password, or from the Key Vault it refers to."""

    def login(secret: str) -> TokenCredential:
        return with_secret(settings, secret)

    if settings.client_secret:
        mask(settings.client_secret)
        return login(settings.client_secret)
    return VaultedSecret(lambda: _read_vault(settings, mask), login)


def with_secret(settings: Settings, secret: str) -> ClientSecretCredential:
    """A fresh credential, with no cached token, for this secret."""
    from azure.identity import ClientSecretCredential

    options = authority_options(settings.cloud)
    return ClientSecretCredential(settings.tenant_id, settings.client_id, secret, **options)


class VaultedSecret:
    """Signs in with the latest version of a Key Vault secret, and reads it again once per version.

    :param read: returns (version, secret).
    :param login: makes a credential of a secret.
    """

    def __init__(self, read: Callable[[], tuple[str, str]], login: Callable[[str], TokenCredential]) -> None:
        self._read = read
        self._login = login
        self._lock = threading.Lock()
        self._version = ""
        self._inner: TokenCredential | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token; when Entra refuses the secret, a newer version is tried before giving up."""
        from azure.core.exceptions import ClientAuthenticationError

        version, inner = self._current()
        try:
            return inner.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            if not any(code in str(error.message) for code in WRONG_SECRET):
                raise
            newer = self._newer_than(version)
            if newer is None:
                raise
        return newer.get_token(*scopes, **options)

    def _current(self) -> tuple[str, TokenCredential]:
        with self._lock:
            if self._inner is None:
                self._version, secret = self._read()
                self._inner = self._login(secret)
            return self._version, self._inner

    def _newer_than(self, version: str) -> TokenCredential | None:
        """One caller reads, the others find what it found; None when there is no newer version."""
        with self._lock:
            if self._version == version:
                found, secret = self._read()
                if found == version:
                    return None
                self._version, self._inner = found, self._login(secret)
            return self._inner


def _read_vault(settings: Settings, mask: Callable[[str], None]) -> tuple[str, str]:
    from azure.core.exceptions import AzureError
    from azure.keyvault.secrets import SecretClient

    reader = managed_identity.of_client(settings.credential_reader_client_id)
    with SecretClient(settings.credential_vault_url, reader) as client:
        try:
            found = client.get_secret(settings.credential_name)
        except AzureError as error:
            where = f"{settings.credential_vault_url}/secrets/{settings.credential_name}"
            who = settings.credential_reader_client_id
            whose = f"the secret of connection '{settings.conn_id}', as managed identity {who}"
            raise translate(error, f"read {whose}: GET {where}") from error
    secret = found.value or ""
    mask(secret)
    return found.properties.version or "", secret
