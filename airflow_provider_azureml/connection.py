# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection as frozen settings: the only reader of its fields, and a strict one.

What each way of signing in needs and may have is one table (`_WAYS`). A field that the chosen way
does not use is an error: an ignored field is an identity somebody believes in and does not get.

Names of extras matter: Airflow masks a value when its key holds `secret`, `token`, `password` and
the like, in the UI and, word by word, in every log. So the one secret sits in the password field,
and no other field has such a name: a Key Vault secret named `train` would black out that word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.errors import ConfigurationError

CONN_TYPE = "azureml"


@dataclass(frozen=True)
class Cloud:
    """One Azure: its hosts and audiences (docs: national clouds). URLs have no trailing slash."""

    name: str
    resource_manager: str
    authority: str
    ml_audience: str
    storage_suffix: str
    vault_suffix: str
    graph: str
    assertion_audience: str
    region_suffix: str

    @property
    def arm_scope(self) -> str:
        """Scope of ARM, and of run history (the SDK sends it the same token)."""
        return f"{self.resource_manager}/.default"

    @property
    def graph_scope(self) -> str:
        """Scope of Microsoft Graph."""
        return f"{self.graph}/.default"

    @property
    def ml_scope(self) -> str:
        """Scope of Azure ML's own data plane."""
        return f"{self.ml_audience}/.default"

    def trusts(self, url: str) -> bool:
        """Whether a bearer token may go to this address: https, and a host of this cloud."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        exact = {urlsplit(self.resource_manager).hostname, urlsplit(self.graph).hostname}
        suffixes = (self.region_suffix, self.storage_suffix, self.vault_suffix)
        known = host in exact or host.endswith(tuple("." + suffix for suffix in suffixes))
        return parts.scheme == "https" and known


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="public",
            resource_manager="https://management.azure.com",
            authority="https://login.microsoftonline.com",
            ml_audience="https://ml.azure.com",
            storage_suffix="core.windows.net",
            vault_suffix="vault.azure.net",
            graph="https://graph.microsoft.com",
            assertion_audience="api://AzureADTokenExchange",
            region_suffix="api.azureml.ms",
        ),
        Cloud(
            name="usgovernment",
            resource_manager="https://management.usgovcloudapi.net",
            authority="https://login.microsoftonline.us",
            ml_audience="https://ml.azure.us",
            storage_suffix="core.usgovcloudapi.net",
            vault_suffix="vault.usgovcloudapi.net",
            graph="https://graph.microsoft.us",
            assertion_audience="api://AzureADTokenExchangeUSGov",
            region_suffix="api.ml.azure.us",
        ),
        Cloud(
            name="china",
            resource_manager="https://management.chinacloudapi.cn",
            authority="https://login.chinacloudapi.cn",
            ml_audience="https://ml.azure.cn",
            storage_suffix="core.chinacloudapi.cn",
            vault_suffix="vault.azure.cn",
            graph="https://microsoftgraph.chinacloudapi.cn",
            assertion_audience="api://AzureADTokenExchangeChina",
            region_suffix="api.ml.azure.cn",
        ),
    )
}


@dataclass(frozen=True)
class Settings:
    """A checked connection. Empty text means "not given"."""

    conn_id: str
    auth: str
    cloud: Cloud
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    credential_vault_url: str = ""
    credential_name: str = ""
    credential_reader_client_id: str = ""
    assertion_file: str = ""
    federated_source: str = ""
    source_client_id: str = ""
    subscription_id: str = ""
    resource_group: str = ""
    workspace_name: str = ""
    account_url: str = ""
    vault_url: str = ""

    def require(self, *names: str) -> None:
        """Raise ConfigurationError for the first of these fields that is empty."""
        for name in names:
            if not getattr(self, name):
                raise ConfigurationError(
                    f"connection '{self.conn_id}', extra '{name}'", "is missing.", f"Add '{name}'."
                )


@dataclass(frozen=True)
class Field:
    """One field of the connection form: what a person reads, and its JSON schema."""

    label: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": ["string", "null"]})


@dataclass(frozen=True)
class _Way:
    """What one way of signing in needs, and what it may have besides."""

    needs: frozenset[str]
    may_have: frozenset[str] = frozenset()


_VAULTED = frozenset({"credential_vault_url", "credential_name", "credential_reader_client_id"})
_WAYS = {
    "client_secret": _Way(frozenset({"tenant_id", "client_id"}), _VAULTED | {"client_secret"}),
    "managed_identity": _Way(frozenset({"client_id"})),
    "workload_identity": _Way(frozenset({"tenant_id", "client_id"}), frozenset({"assertion_file"})),
    "federated": _Way(frozenset({"tenant_id", "client_id", "federated_source", "source_client_id"})),
}
_SOURCES = ("managed_identity",)
_EVERYWHERE = frozenset(
    {"cloud", "subscription_id", "resource_group", "workspace_name", "account_url", "vault_url"}
)
SYSTEM_ASSIGNED = "system"
"""As a managed identity's `client_id`: the host's system-assigned identity, said on purpose."""


def parse(
    conn_id: str,
    conn_type: str,
    login: str | None,
    password: str | None,
    host: str | None,
    extra: Mapping[str, Any],
) -> Settings:
    """Check the fields of a connection. Raises ConfigurationError naming the field and the mend."""
    raise NotImplementedError
