# SPDX-License-Identifier: Apache-2.0
"""Conditional headers, evaluated as "Specifying conditional headers for Blob service operations" says."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.services.storage.records import Container, Entry
from azure_sandbox.services.storage.refusals import bad_header, refuse

_NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
NOT_MODIFIED = 304


def check_write(headers: Mapping[str, str], entry: Entry | Container | None, *, prefix: str = "") -> None:
    """Refuse a write whose conditions do not hold.

    :param prefix: ``x-ms-source-`` for the conditions on a source
    :raises AzureError: 412 ConditionNotMet; 409 PathAlreadyExists for ``If-None-Match: *``
    """
    given = _given(headers, prefix)
    if not given:
        return
    if entry is not None and given.get("if-none-match") == "*":
        raise refuse("PathAlreadyExists")
    if not _holds(given, entry):
        raise refuse("ConditionNotMet")


def check_read(headers: Mapping[str, str], entry: Entry | Container) -> None:
    """Refuse a read: 412 where it must match and does not, 304 where the reader has it already."""
    given = _given(headers, "")
    if not given:
        return
    if not _holds(
        {name: given[name] for name in ("if-match", "if-unmodified-since") if name in given}, entry
    ):
        raise refuse("ConditionNotMet")
    if not _holds(
        {name: given[name] for name in ("if-none-match", "if-modified-since") if name in given}, entry
    ):
        raise AzureError(
            NOT_MODIFIED,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        )


def _given(headers: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name: headers[prefix + name] for name in _NAMES if prefix + name in headers}


def _holds(given: Mapping[str, str], entry: Entry | Container | None) -> bool:
    return all(_CHECKS[name](value, entry) for name, value in given.items())


def _match(value: str, entry: Entry | Container | None) -> bool:
    return entry is not None and (value == "*" or entry.etag in _etags(value))


def _none_match(value: str, entry: Entry | Container | None) -> bool:
    return entry is None or (value != "*" and entry.etag not in _etags(value))


def _modified_since(value: str, entry: Entry | Container | None) -> bool:
    return entry is None or int(entry.modified) > _seconds("If-Modified-Since", value)


def _unmodified_since(value: str, entry: Entry | Container | None) -> bool:
    return entry is not None and int(entry.modified) <= _seconds("If-Unmodified-Since", value)


_CHECKS = {
    "if-match": _match,
    "if-none-match": _none_match,
    "if-modified-since": _modified_since,
    "if-unmodified-since": _unmodified_since,
}


def _etags(value: str) -> set[str]:
    return {part.strip().strip('"') for part in value.split(",")}


def _seconds(name: str, value: str) -> float:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        raise bad_header(name, value) from None
