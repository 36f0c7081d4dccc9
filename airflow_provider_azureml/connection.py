# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection as frozen settings: the only reader of its fields, and a strict one.

What each way of signing in needs and may have is one table (`_WAYS`). A field that the chosen way
does not use is an error: an ignored field is an identity somebody believes in and does not get.

Names of extras matter: Airflow masks a value when its key holds `secret`, `token`, `password` and
the like, in the UI and, word by word, in every log. So the one secret sits in the password field,
and no other field has such a name: a Key Vault secret named `train` would black out that word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
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
    """Check the fields of a connection. Raises ConfigurationError naming the field and the mend.

    :param extra: the connection's extra as a mapping; blank values count as not given.
    """
    given = _Given(conn_id, _texts(conn_id, extra))
    given.refuse_foreign_type(conn_type)
    given.refuse_main_field("login", login, "Put the client id into the extra 'client_id'.")
    given.refuse_main_field("host", host, "Give addresses as extras 'account_url' or 'vault_url'.")
    auth = given.auth()
    way = _WAYS[auth]
    cloud = _cloud(given, extra.get("cloud"))
    values = {name: text for name, text in given.values.items() if name not in ("auth", "cloud")}
    if password:
        values["client_secret"] = password
    given.refuse_unknown(values)
    given.refuse_unused(values, auth, way)
    given.refuse_missing(values, auth, way)
    if auth == "client_secret":
        given.check_secret(values)
    given.check_forms(values, auth, cloud)
    return Settings(conn_id=conn_id, auth=auth, cloud=cloud, **values)


@dataclass(frozen=True)
class _Given:
    """The extras a person gave, and the rules about them."""

    conn_id: str
    values: Mapping[str, str]

    def error(self, name: str, problem: str, mend: str) -> ConfigurationError:
        where = "password" if name == "client_secret" else f"extra '{name}'"
        return ConfigurationError(f"connection '{self.conn_id}', {where}", problem, mend)

    def refuse_foreign_type(self, conn_type: str) -> None:
        if conn_type != CONN_TYPE:
            field_name = f"connection '{self.conn_id}', type"
            raise ConfigurationError(
                field_name, f"'{conn_type}' is not Azure ML's.", f"Make it '{CONN_TYPE}'."
            )

    def refuse_main_field(self, name: str, value: str | None, mend: str) -> None:
        if value:
            raise ConfigurationError(f"connection '{self.conn_id}', {name}", "is not used.", mend)

    def auth(self) -> str:
        auth, known = self.values.get("auth", ""), ", ".join(_WAYS)
        if not auth:
            raise self.error("auth", "is missing; nothing is guessed.", f"Choose one of: {known}.")
        if auth not in _WAYS:
            raise self.error("auth", f"'{auth}' is unknown.", f"Choose one of: {known}.")
        return auth

    def refuse_unknown(self, values: Mapping[str, str]) -> None:
        known = {item.name for item in fields(Settings)} - {"conn_id", "auth", "cloud"}
        allowed_extras = known - {"client_secret"}
        for name in self.values:
            if name == "client_secret":
                where = f"connection '{self.conn_id}', extra '{name}'"
                raise ConfigurationError(where, "must not stand in the extras.", _MOVE_IT)
            if name in values and name not in allowed_extras:
                close = get_close_matches(name, sorted(allowed_extras), n=1)
                mend = f"Did you mean '{close[0]}'?" if close else "Remove it."
                raise self.error(name, "is unknown.", mend)

    def refuse_unused(self, values: Mapping[str, str], auth: str, way: _Way) -> None:
        for name in values:
            if name not in way.needs | way.may_have | _EVERYWHERE:
                users = [other for other, that in _WAYS.items() if name in that.needs | that.may_have]
                mend = f"Remove it, or choose auth {' or '.join(users)}."
                raise self.error(name, f"is not used by auth '{auth}'.", mend)

    def refuse_missing(self, values: Mapping[str, str], auth: str, way: _Way) -> None:
        for name in sorted(way.needs - values.keys()):
            raise self.error(name, f"is missing; auth '{auth}' needs it.", _HINTS.get(name, "Add it."))

    def check_secret(self, values: Mapping[str, str]) -> None:
        vaulted = _VAULTED & values.keys()
        if "client_secret" in values and vaulted:
            mend = f"Remove the password, or {', '.join(sorted(vaulted))}."
            raise self.error("client_secret", "and a Key Vault reference exclude each other.", mend)
        if "client_secret" in values:
            return
        if not vaulted:
            mend = f"Set it, or refer to Key Vault with {', '.join(sorted(_VAULTED))}."
            raise self.error("client_secret", "is missing.", mend)
        for name in sorted(_VAULTED - vaulted):
            raise self.error(name, "is missing beside the other Key Vault fields.", "Add it.")

    def check_forms(self, values: Mapping[str, str], auth: str, cloud: Cloud) -> None:
        for name in _IDS & values.keys():
            system = values[name] == SYSTEM_ASSIGNED and self._may_be_system(name, auth)
            if not system and not _GUID.fullmatch(values[name]):
                raise self.error(name, f"'{values[name]}' is not a GUID.", _HINTS.get(name, "Correct it."))
        for name in _URLS & values.keys():
            if not cloud.trusts(values[name]) or urlsplit(values[name]).path not in ("", "/"):
                problem = f"'{values[name]}' is not a host of cloud '{cloud.name}'."
                raise self.error(name, problem, f"Give it like {_URL_FORMS[name].format(cloud=cloud)}.")
        source = values.get("federated_source", _SOURCES[0])
        if source not in _SOURCES:
            mend = f"Choose one of: {', '.join(_SOURCES)}."
            raise self.error("federated_source", f"'{source}' is unknown.", mend)

    @staticmethod
    def _may_be_system(name: str, auth: str) -> bool:
        """A system-assigned identity can sign in, but cannot be an app's federated credential."""
        own = name == "client_id" and auth == "managed_identity"
        return own or name == "credential_reader_client_id"


_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IDS = frozenset({"client_id", "source_client_id", "credential_reader_client_id", "subscription_id"})
_URLS = frozenset({"account_url", "vault_url", "credential_vault_url"})
_URL_FORMS = {
    "account_url": "https://<account>.dfs.{cloud.storage_suffix}",
    "vault_url": "https://<vault>.{cloud.vault_suffix}",
    "credential_vault_url": "https://<vault>.{cloud.vault_suffix}",
}
_MOVE_IT = "Put it into the connection's password field, which Airflow encrypts."
_HINTS = {
    "client_id": f"Add the application's or identity's client id ('{SYSTEM_ASSIGNED}' for a host's own).",
    "federated_source": f"Choose one of: {', '.join(_SOURCES)}.",
    "source_client_id": "Add the client id of the user-assigned managed identity that vouches.",
    "tenant_id": "Add the Entra tenant's id.",
}


def _texts(conn_id: str, extra: Mapping[str, Any]) -> dict[str, str]:
    """Extras as text. `cloud` alone may be an object."""
    texts = {}
    for name, value in extra.items():
        if value is None or value == "" or name == "cloud":
            continue
        if not isinstance(value, str):
            where = f"connection '{conn_id}', extra '{name}'"
            raise ConfigurationError(where, f"is a {type(value).__name__}.", "Write it as text.")
        texts[name] = value.strip().rstrip("/") if name in _URLS else value.strip()
    return texts


def _cloud(given: _Given, value: object) -> Cloud:
    """A named cloud, or one whose endpoints are all written out."""
    if not value:
        return CLOUDS["public"]
    if isinstance(value, str) and value in CLOUDS:
        return CLOUDS[value]
    names = [item.name for item in fields(Cloud)]
    if not isinstance(value, Mapping) or sorted(value) != sorted(names):
        mend = f"Choose one of: {', '.join(CLOUDS)}; or give an object with {', '.join(names)}."
        raise given.error("cloud", "is not a cloud.", mend)
    return Cloud(**{name: str(value[name]).rstrip("/") for name in names})


def form() -> dict[str, Field]:
    """The connection form: extras in the order in which a person fills them."""
    auths, sources = list(_WAYS), [None, *_SOURCES]
    guid = {"type": ["string", "null"], "pattern": f"^({_GUID.pattern}|{SYSTEM_ASSIGNED})$"}
    return {
        "auth": Field("Sign in as", "How to become somebody.", {"type": "string", "enum": auths}),
        "tenant_id": Field("Tenant", "Entra tenant. Not for managed_identity."),
        "client_id": Field(
            "Client id", "Of the application or managed identity; 'system' for a host's own.", guid
        ),
        "federated_source": Field(
            "Assertion source", "Who vouches, for federated.", {"type": ["string", "null"], "enum": sources}
        ),
        "source_client_id": Field(
            "Vouching identity", "Client id of that managed identity, for federated.", guid
        ),
        "assertion_file": Field(
            "Assertion file", "For workload_identity; else AZURE_FEDERATED_TOKEN_FILE of the pod."
        ),
        "credential_vault_url": Field("Vault of the secret", "For client_secret kept in Key Vault."),
        "credential_name": Field("Name in that vault", "Name of the Key Vault secret."),
        "credential_reader_client_id": Field(
            "Reader of that vault", "Client id of the managed identity that may read it.", guid
        ),
        "cloud": Field(
            "Cloud", "Which Azure; public when empty.", {"type": ["string", "null"], "enum": [None, *CLOUDS]}
        ),
        "subscription_id": Field("Subscription", "Of the workspace.", guid),
        "resource_group": Field("Resource group", "Of the workspace."),
        "workspace_name": Field("Workspace", "Name of the Azure ML workspace."),
        "account_url": Field("Data lake", "https://<account>.dfs.core.windows.net, for the lake hook."),
        "vault_url": Field("Key Vault", "https://<vault>.vault.azure.net, for the vault hook."),
    }


HIDDEN_FIELDS = ("host", "port", "login", "schema")
RELABELING = {"password": "Client secret", "extra": "Extra"}
