# SPDX-License-Identifier: Apache-2.0
"""Every way to be somebody, as one table: which fields it needs, which it may have, what they look like.

A field that the chosen way does not use is an error: an ignored field is an identity somebody
believes in and does not get.

Names of extras matter: Airflow masks a value when its key holds `secret`, `token`, `password` and
the like, in the UI and, word by word, in every log. So the one secret sits in the password field,
and no other field has such a name: a Key Vault secret named `train` would black out that word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAIN_FIELD = "password"
"""The connection's own field for its one secret; it is no extra."""
SYSTEM_ASSIGNED = "system"
"""As a managed identity's `client_id`: the host's system-assigned identity, said on purpose."""

Choice = tuple[tuple[str, ...], ...]
"""Groups of fields, of which exactly one is given, and that one whole."""


@dataclass(frozen=True)
class Way:
    """What one way of signing in needs, what it may have besides, and what it has one of."""

    needs: frozenset[str] = frozenset()
    may_have: frozenset[str] = frozenset()
    one_of: Choice = ()

    @property
    def knows(self) -> frozenset[str]:
        """All fields that mean something to it."""
        return self.needs | self.may_have | {name for group in self.one_of for name in group}

    def also(self, other: Way) -> Way:
        """Both together."""
        one_of = self.one_of + other.one_of
        return Way(self.needs | other.needs, self.may_have | other.may_have, one_of)


VAULTED = ("credential_vault_url", "credential_name", "credential_reader_client_id")
"""A secret, key or certificate in Key Vault, and the managed identity that may read it."""
_APP = frozenset({"tenant_id", "client_id"})
_AUDIENCE = frozenset({"assertion_audience"})
_AWS = Way(frozenset({"aws_region"}), frozenset({"aws_role_arn"}))

WAYS = {
    "workload_identity": Way(_APP, frozenset({"assertion_file"}) | _AUDIENCE),
    "federated": Way(_APP | {"federated_source"}),
    "managed_identity": Way(one_of=(("client_id",), ("object_id",), ("resource_id",))),
    "certificate": Way(
        _APP, frozenset({MAIN_FIELD, "send_certificate_chain"}), (("certificate_file",), VAULTED)
    ),
    "client_secret": Way(_APP, one_of=((MAIN_FIELD,), VAULTED)),
    "azure_cli": Way(may_have=frozenset({"tenant_id"})),
    "default": Way(),
}
"""By the word in the extra `auth`."""
SOURCES = {
    "kubernetes": Way(frozenset({"assertion_file"}), _AUDIENCE),
    "managed_identity": Way(frozenset({"source_client_id"})),
    "okta": Way(
        frozenset({"issuer_url", "source_client_id", "source_scope"}),
        frozenset({"source_key_id"}) | _AUDIENCE,
        ((MAIN_FIELD,), ("source_key_file",), VAULTED),
    ),
    "aws_sts": _AWS.also(Way(may_have=frozenset({"aws_tags"}) | _AUDIENCE)),
    "cognito": _AWS.also(Way(frozenset({"cognito_pool_id", "cognito_provider", "cognito_login"}))),
    "gcp_metadata": Way(may_have=_AUDIENCE),
}
"""Who vouches for auth `federated`, by the word in the extra `federated_source`."""
EVERYWHERE = frozenset(
    {"cloud", "subscription_id", "resource_group", "workspace_name", "account_url", "vault_url"}
)
FLAGS = frozenset({"send_certificate_chain", "aws_tags"})
"""Fields that are true or false; false counts as not given."""
URLS = {
    "account_url": "https://<account>.dfs.{cloud.storage_suffix}",
    "vault_url": "https://<vault>.{cloud.vault_suffix}",
    "credential_vault_url": "https://<vault>.{cloud.vault_suffix}",
}
"""Addresses in the connection's own cloud, and what each looks like."""


def way_of(auth: str, source: str = "") -> Way:
    """The way that these words choose; both are known ones."""
    way = WAYS[auth]
    return way.also(SOURCES[source]) if source else way


def users_of(field: str) -> list[str]:
    """Which ways use a field, in words for a person."""
    ways = [f"auth {auth}" for auth, way in WAYS.items() if field in way.knows]
    sources = [source for source, way in SOURCES.items() if field in way.knows]
    return ways + [f"auth federated with federated_source {source}" for source in sources]


@dataclass(frozen=True)
class Form:
    """What the text in a field looks like."""

    pattern: re.Pattern[str]
    called: str
    mend: str


_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def _guid(mend: str) -> Form:
    return Form(re.compile(_GUID), "a GUID", mend)


def _form(pattern: str, called: str, mend: str) -> Form:
    return Form(re.compile(pattern), called, mend)


FORMS = {
    "tenant_id": _form(r"[A-Za-z0-9][A-Za-z0-9.-]*", "a tenant's id or domain", "Add the Entra tenant's id."),
    "client_id": _guid(
        f"Add the application's or identity's client id ('{SYSTEM_ASSIGNED}' for a host's own)."
    ),
    "object_id": _guid("Add the managed identity's object id (principal id)."),
    "resource_id": _form(
        r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/[mM]icrosoft\.[mM]anaged[iI]dentity"
        r"/user[aA]ssigned[iI]dentities/[^/]+",
        "a user-assigned identity's id in ARM",
        "Give it like /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.ManagedIdentity"
        "/userAssignedIdentities/<name>.",
    ),
    "credential_reader_client_id": _guid("Add the client id of the managed identity that may read it."),
    "subscription_id": _guid("Correct it."),
    "issuer_url": _form(
        r"https://[A-Za-z0-9.-]+/oauth2/[A-Za-z0-9_-]+",
        "a custom authorization server's issuer",
        "Give it like https://<org>.okta.com/oauth2/<server>; the org's own server has no audience of yours.",
    ),
    "aws_region": _form(
        r"[a-z]{2}(-[a-z]+)+-\d+", "a region", "Give one like eu-west-1: STS vouches in a region only."
    ),
    "aws_role_arn": _form(
        r"arn:aws[a-z-]*:iam::\d{12}:role/\S+", "a role", "Give it like arn:aws:iam::<account>:role/<name>."
    ),
    "cognito_pool_id": _form(
        r"[a-z0-9-]+:[0-9a-fA-F-]{36}", "an identity pool", "Give it like eu-west-1:<GUID>."
    ),
}
"""Fields with a form of their own; all others are any text."""
VOUCHER = _guid("Add the client id of the user-assigned managed identity that vouches.")
"""Of `source_client_id`, where a managed identity vouches."""
MENDS = {
    "federated_source": f"Choose one of: {', '.join(SOURCES)}.",
    "source_client_id": "Add the client id of who vouches.",
    "source_scope": "Add a scope of the authorization server.",
    "assertion_file": "Add the path of the projected volume's file.",
    "cognito_provider": "Add the pool's developer provider name.",
    "cognito_login": "Add the developer user identifier that stands for this Airflow.",
    **{name: form.mend for name, form in FORMS.items()},
}
"""What to do about a missing field."""
