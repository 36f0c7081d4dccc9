# SPDX-License-Identifier: Apache-2.0
"""Azure Key Vault secrets, as the identity of an `azureml` connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_azureml.clouds import EXCESS, is_bare, shown
from airflow_provider_azureml.compat import mask_secret
from airflow_provider_azureml.errors import ConfigurationError, NotFoundError, ServiceError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest.azure_error import translate
from airflow_provider_azureml.rest.flow import Request
from airflow_provider_azureml.rest.tls import sync_options
from airflow_provider_azureml.rotation.plan import SecretVersion

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient, SecretProperties


class AzureKeyVaultHook(AzureMLHook):
    """Secrets of a vault. What it reads or writes is masked in task logs.

    :param azureml_conn_id: the connection.
    :param vault_url: instead of the connection's `vault_url`.
    """

    def __init__(
        self,
        azureml_conn_id: str = AzureMLHook.default_conn_name,
        correlation_id: str = "",
        vault_url: str = "",
    ) -> None:
        super().__init__(azureml_conn_id, correlation_id)
        self._vault_url = vault_url

    @property
    def vault_url(self) -> str:
        """The vault's address. Raises ConfigurationError when there is none, or more than an address."""
        if not self._vault_url:
            self.settings.require("vault_url")
        elif not is_bare(self._vault_url):
            mend = "Give it like https://<vault>.vault.azure.net."
            raise ConfigurationError("vault_url", f"{shown(self._vault_url)} {EXCESS}", mend)
        return (self._vault_url or self.settings.vault_url).rstrip("/")

    def get_secret(self, name: str, version: str = "") -> str:
        """Value of the latest, or of one, version. A disabled latest version is a DeniedError."""
        with self._client("GET", f"/secrets/{name}" + (f"/{version}" if version else "")) as client:
            value = client.get_secret(name, version or None).value or ""
        mask_secret(value)
        return value

    def set_secret(
        self,
        name: str,
        value: str,
        *,
        expires_on: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> str:
        """Write a new version, which is the latest at once; returns the version.

        A PUT whose answer was lost is sent again, so that there may be a second version that is the same.
        """
        mask_secret(value)
        with self._client("PUT", f"/secrets/{name}") as client:
            made = client.set_secret(
                name,
                value,
                enabled=True,
                expires_on=expires_on,
                tags=dict(tags or {}),
                content_type=content_type or None,
            )
        return made.properties.version or ""

    def list_versions(self, name: str) -> list[SecretVersion]:
        """All versions, enabled or not, in no order; empty when the secret is unknown."""
        try:
            with self._client("GET", f"/secrets/{name}/versions") as client:
                return [_version(item) for item in client.list_properties_of_secret_versions(name)]
        except NotFoundError:
            return []

    def disable_version(self, name: str, version: str) -> None:
        """Switch one version off. Raises ServiceError for the latest: consumers read that one."""
        latest = self._latest(name)
        if latest == version:
            raise ServiceError(409, "LatestVersion", f"Version {version} of {name} is the latest one")
        with self._client("PATCH", f"/secrets/{name}/{version}") as client:
            client.update_secret_properties(name, version, enabled=False)

    def _latest(self, name: str) -> str:
        with self._client("GET", f"/secrets/{name}") as client:
            return client.get_secret(name).properties.version or ""

    @contextmanager
    def _client(self, method: str, path: str) -> Iterator[SecretClient]:
        """A client for one operation, which is recorded: the only way to one."""
        from azure.core.exceptions import AzureError
        from azure.keyvault.secrets import SecretClient

        request = Request(method, self.vault_url + path, self.settings.cloud.vault_scope)
        tls = sync_options()
        operation = f"{method} {path.lstrip('/')} in {self.vault_url} as connection '{self.azureml_conn_id}'"
        with (
            self.recorded(request, enable_cae=True) as answered,
            SecretClient(self.vault_url, self.credential, raw_response_hook=answered, **tls) as client,
        ):
            try:
                yield client
            except AzureError as error:
                raise translate(error, operation) from error


def _version(item: SecretProperties) -> SecretVersion:
    if item.created_on is None:
        raise ServiceError(200, "NoCreatedOn", f"Version {item.version} has no time of creation")
    return SecretVersion(item.version or "", bool(item.enabled), item.created_on, dict(item.tags or {}))
