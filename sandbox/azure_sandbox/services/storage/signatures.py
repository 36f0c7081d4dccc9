# SPDX-License-Identifier: Apache-2.0
"""Strings to sign: Shared Key requests, and the three kinds of SAS.

Sources: "Authorize with Shared Key", "Create an account SAS", "Create a service SAS", "Create a user
delegation SAS" of the Azure Storage REST reference; the fields grew with the service version.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

Query = Mapping[str, str]

_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_ANSWER_HEADERS = ("rscc", "rscd", "rsce", "rscl", "rsct")


def sign(key: str, text: str) -> str:
    """HMAC-SHA256 as Azure writes it: base64 in, base64 out."""
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def matches(key: str, text: str, signature: str) -> bool:
    """Whether a base64 signature is this key's, in constant time."""
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    expected = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(given, expected)


def shared_key_text(
    account: str, method: str, raw_path: str, headers: Mapping[str, str], query: list[tuple[str, str]]
) -> str:
    """What a Shared Key request signs (service version 2015-02-21 and later).

    :param raw_path: as it stood on the wire, still encoded
    :param query: decoded names and values
    """
    values = {name: headers.get(name, "") for name in _SIGNED_HEADERS}
    if values["content-length"] == "0":
        values["content-length"] = ""
    if "x-ms-date" in headers:
        values["date"] = ""
    own = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("x-ms-"))
    lines = [method, *values.values(), *(f"{name}:{value.strip()}" for name, value in own)]
    return "\n".join([*lines, f"/{account}{raw_path}", *_query_lines(query)])


def _query_lines(query: list[tuple[str, str]]) -> list[str]:
    merged: dict[str, list[str]] = {}
    for name, value in query:
        merged.setdefault(name.lower(), []).append(value)
    return [f"{name}:{','.join(sorted(values))}" for name, values in sorted(merged.items())]


def account_sas_text(account: str, query: Query) -> str:
    fields = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    if query.get("sv", "") >= "2020-12-06":
        fields.append("ses")
    return "\n".join([account, *_values(query, fields), ""])


def service_sas_text(canonical: str, query: Query) -> str:
    """:param canonical: ``/blob/account/container[/path]``"""
    version = query.get("sv", "")
    fields = ["si", "sip", "spr", "sv", *_resource_fields(version)]
    return "\n".join(
        [*_values(query, ["sp", "st", "se"]), canonical, *_values(query, [*fields, *_ANSWER_HEADERS])]
    )


def delegation_sas_text(canonical: str, query: Query) -> str:
    """:param canonical: ``/blob/account/container[/path]``"""
    version = query.get("sv", "")
    fields = ["skoid", "sktid", "skt", "ske", "sks", "skv"]
    if version >= "2020-02-10":
        fields += ["saoid", "suoid", "scid"]
    if version >= "2025-07-05":
        fields += ["skdutid", "sduoid"]
    fields += ["sip", "spr", "sv", *_resource_fields(version)]
    if version >= "2026-04-06":
        # Signed headers and query parameters (srh, srq): always empty, since we accept no SAS with them.
        fields += ["", ""]
    return "\n".join(
        [*_values(query, ["sp", "st", "se"]), canonical, *_values(query, [*fields, *_ANSWER_HEADERS])]
    )


def _resource_fields(version: str) -> list[str]:
    fields = ["sr", "snapshot"] if version >= "2018-11-09" else []
    return [*fields, "ses"] if version >= "2020-12-06" else fields


def _values(query: Query, fields: list[str]) -> list[str]:
    return [query.get(field, "") for field in fields]


def delegation_key(account_key: str, fields: Mapping[str, str]) -> str:
    """The value of a user delegation key: derived, so that it needs no storage to be verified.

    :param fields: ``skoid``, ``sktid``, ``skt``, ``ske``, ``sks``, ``skv``
    """
    names = ("skoid", "sktid", "skt", "ske", "sks", "skv")
    return sign(account_key, "\n".join(["user delegation key", *(fields.get(name, "") for name in names)]))
