# SPDX-License-Identifier: Apache-2.0
"""Comparisons of conditions: `StringEquals`, `ForAnyOfAnyValues:GuidEquals` and the like.

What the documentation leaves open is not decided here: a negative comparison with an attribute that is
absent, and "for all" of no value, are None, as is everything about a value that is not known.
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

Truth = bool | None
Value = str | Sequence[str] | None
Values = tuple[str, ...] | None
"""Values of one side; None when they are not known."""


class Uncomparable(ValueError):
    """A value is not of the operator's type."""


_OPERATOR = re.compile(
    r"(?:For(?P<left>Any|All)Of(?P<right>Any|All)Values:)?"
    r"(?:(?P<type>String|Guid|Bool|Numeric|DateTime)(?P<not>Not)?"
    r"(?P<verb>Equals|StartsWith|Like|LessThanEquals|LessThan|GreaterThanEquals|GreaterThan)(?P<fold>IgnoreCase)?)",
    re.IGNORECASE,
)
_VERBS = {
    "string": {"equals", "startswith", "like"},
    "guid": {"equals"},
    "bool": {"equals"},
    "numeric": {"equals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals"},
    "datetime": {"equals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals"},
}
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "equals": operators.eq,
    "lessthan": operators.lt,
    "lessthanequals": operators.le,
    "greaterthan": operators.gt,
    "greaterthanequals": operators.ge,
}


def is_operator(text: str) -> bool:
    """Whether this is one of the comparison operators."""
    return _parsed(text) is not None


@lru_cache(maxsize=256)
def _parsed(text: str) -> dict[str, str] | None:
    match = _OPERATOR.fullmatch(text)
    if match is None:
        return None
    parts = {name: (value or "").lower() for name, value in match.groupdict().items()}
    is_ordered = parts["not"] and parts["verb"] in ("lessthan", "greaterthan", "lessthanequals")
    known = parts["verb"] in _VERBS[parts["type"]] and not is_ordered
    return parts if known and (parts["type"] == "string" or not parts["fold"]) else None


def compare(operator: str, left: Values, right: Values) -> Truth:
    """Whether the comparison holds; None when that is not known.

    :raises Uncomparable: a value is not of the operator's type, or several values meet an operator for one.
    """
    parts = _parsed(operator)
    if parts is None:
        raise Uncomparable(operator)
    if left is None or right is None:
        return None
    if not (left and right):
        return None if parts["not"] or "all" in (parts["left"], parts["right"]) else False
    if not parts["left"] and len(left) + len(right) > 2:
        raise Uncomparable("several values")
    test = _single(parts)
    over_right = all if parts["right"] == "all" else any
    over_left = all if parts["left"] == "all" else any
    return over_left(over_right(test(one, other) for other in right) for one in left)


def _single(parts: dict[str, str]) -> Callable[[str, str], bool]:
    """The comparison of one value with another."""
    convert = _CONVERTED[parts["type"]]
    verb, fold, negative = parts["verb"], bool(parts["fold"]), bool(parts["not"])

    def test(one: str, other: str) -> bool:
        first, second = convert(one), convert(other)
        if fold:
            first, second = first.lower(), second.lower()
        if verb == "startswith":
            found = first.startswith(second)
        elif verb == "like":
            found = _like(second).fullmatch(first) is not None
        else:
            found = _ORDERED[verb](first, second)
        return bool(found) is not negative

    return test


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    r"""`*` is any text, `?` one character, `\*` and `\?` are themselves."""
    wild = {"*": ".*", "?": "."}
    pieces = re.findall(r"\\[*?]|.", pattern, re.DOTALL)
    text = "".join(wild.get(piece) or re.escape(piece[-1:] if len(piece) == 2 else piece) for piece in pieces)
    return re.compile(text, re.DOTALL)


_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _guid(text: str) -> str:
    """A GUID in lower case; an ARM id of a role definition is the GUID at its end."""
    found = text.strip().lower().rsplit("/", 1)[-1]
    if not _GUID.fullmatch(found):
        raise Uncomparable(text)
    return found


def _bool(text: str) -> bool:
    found = {"true": True, "false": False}.get(text.strip().lower())
    if found is None:
        raise Uncomparable(text)
    return found


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text.strip()):
        raise Uncomparable(text)
    return int(text)


def _moment(text: str) -> tuple[datetime, int]:
    """The second, and the part of it in units of 100 ns: `datetime` itself has no seventh digit."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?)?Z?", text.strip())
    if match is None:
        raise Uncomparable(text)
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00:00'}")
    except ValueError as error:
        raise Uncomparable(text) from error
    return moment.replace(tzinfo=timezone.utc), int((match[3] or "0").ljust(7, "0"))


_CONVERTED: dict[str, Callable[[str], Any]] = {
    "string": str,
    "guid": _guid,
    "bool": _bool,
    "numeric": _number,
    "datetime": _moment,
}
