# SPDX-License-Identifier: Apache-2.0
"""Checks of the documents that the control API takes; each refusal names the member and what it must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class InvalidRule(ValueError):
    """A rule that does not hold together; the text names the member and what it must be."""


def only(given: Mapping[str, Any], where: str, known: set[str]) -> None:
    """:raises InvalidRule: for a member that is not known"""
    unknown = sorted(set(given) - known)
    if unknown:
        raise InvalidRule(f"{where} has no member {unknown[0]!r}; it may have {', '.join(sorted(known))}")


def child(document: Mapping[str, Any], where: str, name: str) -> Mapping[str, Any]:
    """A member that is an object; ``where`` is empty for the document itself.

    :raises InvalidRule:
    """
    value = document.get(name)
    if not isinstance(value, dict):
        raise InvalidRule(f"{_path(where, name)} must be an object")
    return value


def text(given: Mapping[str, Any], where: str, name: str, default: str | None = None) -> str:
    """A text that is not empty.

    :raises InvalidRule: also where it is absent and there is no default
    """
    value = given.get(name, default)
    if not isinstance(value, str) or (not value and name in given):
        raise InvalidRule(f"{_path(where, name)} must be a text that is not empty")
    return value


def pattern(given: Mapping[str, Any], where: str, name: str) -> re.Pattern[str]:
    """A regular expression; absent, the one that is found in every text.

    :raises InvalidRule:
    """
    source = text(given, where, name, "")
    try:
        return re.compile(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidRule(f"{_path(where, name)} is no regular expression: {error}") from None


def number(
    given: Mapping[str, Any],
    where: str,
    name: str,
    default: float | None = None,
    *,
    whole: bool = False,
    least: float = 0,
    most: float = 1e9,
) -> Any:
    """:raises InvalidRule: also where it is absent and there is no default"""
    value = given.get(name, default)
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        word = "a whole number" if whole else "a number"
        raise InvalidRule(f"{_path(where, name)} must be {word} from {least:g} to {most:g}, not {value!r}")
    return value


def listed(given: Mapping[str, Any], where: str, name: str) -> list[Mapping[str, Any]]:
    """A list of objects; absent, an empty one.

    :raises InvalidRule:
    """
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidRule(f"{_path(where, name)} must be a list of objects")
    return value


def texts(given: Mapping[str, Any], name: str) -> set[str]:
    """A list of texts, in lower case; absent, an empty one.

    :raises InvalidRule:
    """
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
        raise InvalidRule(f"{name} must be a list of texts that are not empty")
    return {entry.lower() for entry in value}


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
