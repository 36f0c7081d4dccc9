# SPDX-License-Identifier: Apache-2.0
"""A secret, key or certificate that is kept elsewhere and may be renewed there, under a long-running trigger.

azure-identity keeps what it was given for ever, so what Entra no longer takes is read again here, and
used when there is a newer version.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import managed_identity
from airflow_provider_azureml.identity.shared import patiently
from airflow_provider_azureml.rest.azure_error import translate
from airflow_provider_azureml.rest.tls import sync_options

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential


@dataclass(frozen=True)
class Stored:
    """What a place holds now, and how to tell it from what it held before."""

    version: str
    value: str | bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The value as text, whatever it is."""
        return self.value if isinstance(self.value, str) else self.value.decode(errors="replace")


class Renewable:
    """Signs in with the latest version of what a place holds; reads it again once per refusal.

    :param login: makes a credential of what was read.
    :param refusals: Entra's codes for "this one is not, or no longer, good".
    """

    def __init__(
        self,
        read: Callable[[], Stored],
        login: Callable[[Stored], TokenCredential],
        refusals: tuple[str, ...],
    ) -> None:
        self._read = read
        self._login = login
        self._refusals = refusals
        self._lock = threading.Lock()
        self._version = ""
        self._inner: TokenCredential | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token; when Entra refuses what was read, a newer version is tried before giving up."""
        from azure.core.exceptions import ClientAuthenticationError

        version, inner = self._current()
        try:
            return inner.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            if not any(code in str(error.message) for code in self._refusals):
                raise
            newer = self._newer_than(version)
            if newer is None:
                raise
        return newer.get_token(*scopes, **options)

    def _current(self) -> tuple[str, TokenCredential]:
        with patiently(self._lock) as is_mine:
            if not is_mine:
                found = self._read()
                return found.version, self._login(found)
            if self._inner is None:
                found = self._read()
                self._version, self._inner = found.version, self._login(found)
            return self._version, self._inner

    def _newer_than(self, version: str) -> TokenCredential | None:
        """One caller reads, the others find what it found; None when there is no newer version."""
        with patiently(self._lock) as is_mine:
            if not is_mine:
                return None
            if self._version == version:
                found = self._read()
                if found.version == version:
                    return None
                self._version, self._inner = found.version, self._login(found)
            return self._inner


def in_vault(settings: Settings, mask: Callable[[str], None]) -> Stored:
    """The latest version of what the connection refers to. Raises ServiceError naming who asked for what."""
    from azure.core.exceptions import AzureError
    from azure.keyvault.secrets import SecretClient

    reader = managed_identity.of_client(settings, "credential_reader_client_id")
    with SecretClient(settings.credential_vault_url, reader, **sync_options()) as client:
        try:
            found = client.get_secret(settings.credential_name)
        except AzureError as error:
            where = f"{settings.credential_vault_url}/secrets/{settings.credential_name}"
            who = settings.credential_reader_client_id
            whose = f"the secret of connection '{settings.conn_id}', as managed identity {who}"
            raise translate(error, f"read {whose}: GET {where}") from error
    secret = found.value or ""
    mask(secret)
    return Stored(found.properties.version or "", secret)


def in_file(settings: Settings, name: str) -> Stored:
    """The content of the file that field `name` of a connection names. Raises ConfigurationError."""
    path = Path(getattr(settings, name))
    try:
        content = path.read_bytes()
    except OSError as error:
        mend = "Check the path, the mount and the file's permissions."
        raise settings.error(name, f"'{path}' cannot be read: {error.strerror}.", mend) from None
    return Stored(hashlib.sha256(content).hexdigest(), content)
