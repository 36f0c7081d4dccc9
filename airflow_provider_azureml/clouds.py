# SPDX-License-Identifier: Apache-2.0
"""Each Azure there is: its hosts, audiences and scopes; and a cloud of one's own, written out whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from airflow_provider_azureml.errors import ConfigurationError


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

    @property
    def vault_scope(self) -> str:
        """Scope of Key Vault."""
        return f"https://{self.vault_suffix}/.default"

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

EXCESS = "carries more than a host: a path, user, password, query or fragment."
"""What is wrong with an address that should be scheme and host."""


def is_bare(url: str) -> bool:
    """Whether an address is without all that may hold a secret, such as a SAS: user, password, query, fragment."""
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return readable and not any(mark in url for mark in "@?#")


def shown(url: object) -> str:
    """Scheme and host of what a person gave as an address: all of it that a log or an exception may have."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return "what was given"
    known = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or "")
    return f"'{parts.scheme}://{parts.hostname}'" if known else "what was given"


_HOST = re.compile(r"[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
_SUFFIXES = ("storage_suffix", "vault_suffix", "region_suffix")


def cloud_of(field: str, value: object) -> Cloud:
    """A named cloud, or one whose endpoints are all written out; public when nothing is given.

    :param field: how the person who wrote it knows it; ConfigurationError names it.
    """
    if not value:
        return CLOUDS["public"]
    if isinstance(value, str) and value in CLOUDS:
        return CLOUDS[value]
    names = [item.name for item in fields(Cloud)]
    if not isinstance(value, Mapping) or sorted(value) != sorted(names):
        mend = f"Choose one of: {', '.join(CLOUDS)}; or give an object with {', '.join(names)}."
        raise ConfigurationError(field, "is not a cloud.", mend)
    for name in names:
        _check_endpoint(field, name, value[name])
    return Cloud(**{name: value[name].strip().rstrip("/") for name in names})


def _check_endpoint(field: str, name: str, value: object) -> None:
    """A suffix is a bare host name, a name or audience is a text, all else is an https address."""
    text = value.strip() if isinstance(value, str) else ""
    if name in _SUFFIXES:
        good, like = bool(_HOST.fullmatch(text)), "a host name without a scheme, like core.windows.net"
    elif name in ("name", "assertion_audience"):
        good, like = bool(text), "a text"
    else:
        good = is_bare(text) and _is_https(text)
        like = "an address, like https://management.azure.com"
    if not good:
        raise ConfigurationError(f"{field}, '{name}'", f"{shown(value)} is no endpoint.", f"Give {like}.")


def _is_https(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(_HOST.fullmatch(parts.hostname or ""))
