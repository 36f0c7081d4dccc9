# SPDX-License-Identifier: Apache-2.0
"""An Airflow connection as frozen settings: the only reader of its fields, and a strict one.

What each way of signing in needs and may have is one table (`ways.py`); nothing is inferred from
which fields happen to be filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.clouds import CLOUDS, EXCESS, Cloud, cloud_of, is_bare, shown
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.ways import (
    EVERYWHERE,
    FLAGS,
    FORMS,
    MAIN_FIELD,
    MENDS,
    SOURCES,
    SYSTEM_ASSIGNED,
    URLS,
    VOUCHER,
    WAYS,
    Choice,
    Form,
    Way,
    users_of,
    way_of,
)

__all__ = ["CLOUDS", "CONN_TYPE", "Cloud", "Settings", "parse"]

CONN_TYPE = "azureml"


@dataclass(frozen=True)
class Settings:
    """A checked connection. Empty text means "not given".

    :param password: the client secret, the certificate's password or the key that signs for Okta.
    """

    conn_id: str
    auth: str
    cloud: Cloud
    tenant_id: str = ""
    client_id: str = ""
    object_id: str = ""
    resource_id: str = ""
    password: str = field(default="", repr=False)
    credential_vault_url: str = ""
    credential_name: str = ""
    credential_reader_client_id: str = ""
    certificate_file: str = ""
    send_certificate_chain: bool = False
    federated_source: str = ""
    assertion_file: str = ""
    assertion_audience: str = ""
    source_client_id: str = ""
    issuer_url: str = ""
    source_scope: str = ""
    source_key_file: str = ""
    source_key_id: str = ""
    aws_region: str = ""
    aws_role_arn: str = ""
    aws_tags: bool = False
    cognito_pool_id: str = ""
    cognito_provider: str = ""
    cognito_login: str = ""
    subscription_id: str = ""
    resource_group: str = ""
    workspace_name: str = ""
    account_url: str = ""
    vault_url: str = ""

    def require(self, *names: str) -> None:
        """Raise ConfigurationError for the first of these fields that is empty."""
        for name in names:
            if not getattr(self, name):
                raise self.error(name, "is missing.", f"Add '{name}'.")

    def error(self, name: str, problem: str, mend: str) -> ConfigurationError:
        """What is wrong with one field of this connection."""
        return ConfigurationError(_place(self.conn_id, name), problem, mend)


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
    given = _Given(conn_id, _values(conn_id, extra))
    given.refuse_foreign_type(conn_type)
    given.refuse_main_field("login", login, "Put the client id into the extra 'client_id'.")
    given.refuse_main_field("host", host, "Give addresses as extras 'account_url' or 'vault_url'.")
    auth, source = given.auth_and_source()
    given.refuse_unknown()
    cloud = cloud_of(_place(conn_id, "cloud"), extra.get("cloud"))
    values = {name: value for name, value in given.values.items() if name != "auth"}
    if password:
        values[MAIN_FIELD] = password
    _Chosen(conn_id, auth, way_of(auth, source), values).check(cloud)
    return Settings(conn_id=conn_id, auth=auth, cloud=cloud, **values)


def _place(conn_id: str, name: str) -> str:
    return f"connection '{conn_id}', {MAIN_FIELD if name == MAIN_FIELD else f'extra {name!r}'}"


@dataclass(frozen=True)
class _Given:
    """The extras a person gave, and the rules that hold for all ways."""

    conn_id: str
    values: Mapping[str, Any]

    def error(self, name: str, problem: str, mend: str) -> ConfigurationError:
        return ConfigurationError(_place(self.conn_id, name), problem, mend)

    def refuse_foreign_type(self, conn_type: str) -> None:
        if conn_type != CONN_TYPE:
            field_name = f"connection '{self.conn_id}', type"
            raise ConfigurationError(
                field_name, f"'{conn_type}' is not Azure ML's.", f"Make it '{CONN_TYPE}'."
            )

    def refuse_main_field(self, name: str, value: str | None, mend: str) -> None:
        if value:
            raise ConfigurationError(f"connection '{self.conn_id}', {name}", "is not used.", mend)

    def auth_and_source(self) -> tuple[str, str]:
        """How to sign in, and who vouches when that is `federated`."""
        auth = self._word("auth", WAYS, "is missing; nothing is guessed.")
        if auth != "federated":
            return auth, ""
        return auth, self._word("federated_source", SOURCES, f"is missing; auth '{auth}' needs it.")

    def _word(self, name: str, known: Mapping[str, Way], missing: str) -> str:
        word, mend = str(self.values.get(name, "")), f"Choose one of: {', '.join(known)}."
        if not word:
            raise self.error(name, missing, mend)
        if word not in known:
            raise self.error(name, f"'{word}' is unknown.", mend)
        return word

    def refuse_unknown(self) -> None:
        known = {item.name for item in fields(Settings)} - {"conn_id", "cloud", MAIN_FIELD}
        for name in self.values:
            if name in _SECRETS:
                where = f"connection '{self.conn_id}', extra '{name}'"
                raise ConfigurationError(where, "must not stand in the extras.", _MOVE_IT)
            if name not in known:
                close = get_close_matches(name, sorted(known), n=1)
                mend = f"Did you mean '{close[0]}'?" if close else "Remove it."
                raise self.error(name, "is unknown.", mend)


@dataclass(frozen=True)
class _Chosen:
    """The fields of a connection, and the rules of the way that it chose."""

    conn_id: str
    auth: str
    way: Way
    values: Mapping[str, Any]

    def error(self, name: str, problem: str, mend: str) -> ConfigurationError:
        return ConfigurationError(_place(self.conn_id, name), problem, mend)

    @property
    def who(self) -> str:
        source = self.values.get("federated_source")
        return f"auth '{self.auth}'" + (f" with federated_source '{source}'" if source else "")

    def check(self, cloud: Cloud) -> None:
        self.refuse_unused()
        self.refuse_missing()
        if self.way.one_of:
            self.check_choice(self.way.one_of)
        self.check_forms()
        self.check_addresses(cloud)

    def refuse_unused(self) -> None:
        for name in self.values:
            if name not in self.way.knows | EVERYWHERE:
                mend = f"Remove it, or choose {' or '.join(users_of(name))}."
                raise self.error(name, f"is not used by {self.who}.", mend)

    def refuse_missing(self) -> None:
        for name in sorted(self.way.needs - self.values.keys()):
            raise self.error(name, f"is missing; {self.who} needs it.", MENDS.get(name, "Add it."))

    def check_choice(self, choice: Choice) -> None:
        """Exactly one group of fields, and that one whole."""
        begun = [group for group in choice if self.values.keys() & set(group)]
        if not begun:
            first, *others = (", ".join(group) for group in choice)
            raise self.error(first, "is missing.", f"Give it, or instead: {'; or: '.join(others)}.")
        if len(begun) > 1:
            one, other = (next(name for name in group if name in self.values) for group in begun[:2])
            raise self.error(one, f"and '{other}' exclude each other.", "Remove one of them.")
        for name in begun[0]:
            if name not in self.values:
                raise self.error(name, "is missing beside the fields that belong to it.", _add(name))

    def check_forms(self) -> None:
        for name, form in {**FORMS, **self._vouchers_form()}.items():
            text = self.values.get(name)
            if text is None or (text == SYSTEM_ASSIGNED and self._may_be_system(name)):
                continue
            if not form.pattern.fullmatch(text):
                told = shown(text) if name.endswith("_url") else _told(text)
                raise self.error(name, f"{told} is not {form.called}.", form.mend)

    def check_addresses(self, cloud: Cloud) -> None:
        for name, like in URLS.items():
            url, mend = self.values.get(name), f"Give it like {like.format(cloud=cloud)}."
            if url and not (is_bare(url) and urlsplit(url).path in ("", "/")):
                raise self.error(name, f"{shown(url)} {EXCESS}", mend)
            if url and not cloud.trusts(url):
                raise self.error(name, f"{shown(url)} is not a host of cloud '{cloud.name}'.", mend)

    def _vouchers_form(self) -> Mapping[str, Form]:
        vouched = self.values.get("federated_source") == "managed_identity"
        return {"source_client_id": VOUCHER} if vouched else {}

    def _may_be_system(self, name: str) -> bool:
        """A system-assigned identity can sign in, but cannot be an app's federated credential."""
        own = name == "client_id" and self.auth == "managed_identity"
        return own or name == "credential_reader_client_id"


_SECRETS = frozenset({MAIN_FIELD, "client_secret", "private_key", "certificate_password"})
_MOVE_IT = "Put it into the connection's password field, which Airflow encrypts."


def _add(name: str) -> str:
    return MENDS.get(name, "Add it.")


def _values(conn_id: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: texts, and True for a flag. `cloud` alone may be an object, and is not in it."""
    values: dict[str, Any] = {}
    for name, value in extra.items():
        if value is None or value == "" or name == "cloud":
            continue
        if name in FLAGS:
            if _flag(conn_id, name, value):
                values[name] = True
        elif not isinstance(value, str):
            problem = f"is a {type(value).__name__}."
            raise ConfigurationError(_place(conn_id, name), problem, "Write it as text.")
        else:
            values[name] = value.strip().rstrip("/") if name.endswith("_url") else value.strip()
    return values


def _flag(conn_id: str, name: str, value: object) -> bool:
    """True or false, as JSON or as text. Any other text would be taken for true by Python."""
    told = str(value).strip().lower()
    if told not in ("true", "false"):
        problem = f"'{value}' is neither true nor false."
        raise ConfigurationError(_place(conn_id, name), problem, "Write true or false.")
    return told == "true"


def _told(text: str) -> str:
    """What stands in a field that it does not fit: of a long text, which may be a secret, what Azure shows of those."""
    return f"'{text}'" if len(text) <= 20 else f"'{text[:3]}...' ({len(text)} characters)"
