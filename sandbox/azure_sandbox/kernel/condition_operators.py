# SPDX-License-Identifier: Apache-2.0
"""The comparison operators of role assignment conditions.

Source: "Azure role assignment condition format and syntax" (conditions-format.md), section by section.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

#: What is compared: a text, a whole number (a moment too: see :func:`ticks`) or a truth.
Value = str | int | bool
_Test = Callable[[Any, Any], bool]

STRING, NUMERIC, BOOL, DATE_TIME, GUID = "String", "Numeric", "Bool", "DateTime", "Guid"

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")


@dataclass(frozen=True)
class Comparison:
    """One operator.

    :param kind: of values that it compares: ``String``, ``Numeric``, ``Bool``, ``DateTime`` or ``Guid``
    :param test: of one value on either side
    :param quantifiers: whether all values of the left, and of the right, must satisfy it, rather than
        any; None for an operator that takes one value on either side
    """

    name: str
    kind: str
    test: _Test
    quantifiers: tuple[bool, bool] | None = None

    def holds(self, left: Sequence[Value], right: Sequence[Value]) -> bool:
        """An attribute that is not there, or of another kind, satisfies no comparison."""
        if not left or not right:
            return False
        if self.quantifiers is None:
            return len(left) == len(right) == 1 and self.test(left[0], right[0])
        of_left, of_right = (all if every else any for every in self.quantifiers)
        return of_left(of_right(self.test(one, other) for other in right) for one in left)


def value_of(kind: str, given: object) -> Value | None:
    """A value as its kind is compared; None where it is of another kind."""
    if kind == BOOL:
        return given if isinstance(given, bool) else None
    if kind == NUMERIC:
        return given if isinstance(given, int) and not isinstance(given, bool) else None
    if not isinstance(given, str):
        return None
    if kind == GUID:
        return given.lower() if _GUID.fullmatch(given) else None
    return ticks(given) if kind == DATE_TIME else given


def ticks(text: str) -> int | None:
    """Units of 100 ns since year 1 of ``yyyy-mm-ddThh:mm:ss.mmmmmmmZ``; None where it is none."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    try:
        moment = datetime.fromisoformat(found.group(1))
    except ValueError:
        return None
    seconds = (moment - datetime(1, 1, 1)).total_seconds()
    return int(seconds) * 10_000_000 + int((found.group(2) or "0").ljust(7, "0"))


def comparison(name: str) -> Comparison | None:
    """The operator of this name, for example ``ForAnyOfAnyValues:StringLikeIgnoreCase``; case does not
    matter."""
    return _OPERATORS.get(name.lower())


def _like(text: str, pattern: str) -> bool:
    return _wildcard(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _wildcard(pattern: str) -> re.Pattern[str]:
    """``*`` is any run of characters, ``?`` any one; a backslash takes that from either."""
    parts = re.findall(r"\\[*?\\]|.", pattern, re.DOTALL)
    meaning = {"*": ".*", "?": "."}
    return re.compile("".join(meaning.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def _not(test: _Test) -> _Test:
    return lambda one, other: not test(one, other)


def _ignoring_case(test: _Test) -> _Test:
    return lambda one, other: test(one.lower(), other.lower())


def _strings() -> dict[str, _Test]:
    tests: dict[str, _Test] = {}
    for base, test in (("Equals", operator.eq), ("StartsWith", str.startswith), ("Like", _like)):
        for name, positive in ((base, test), (f"{base}IgnoreCase", _ignoring_case(test))):
            tests[name] = positive
            tests[f"Not{name}"] = _not(positive)
    return tests


_EQUALITY: dict[str, _Test] = {"Equals": operator.eq, "NotEquals": operator.ne}
_ORDER: dict[str, _Test] = {
    **_EQUALITY,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_TESTS = {STRING: _strings(), NUMERIC: _ORDER, DATE_TIME: _ORDER, BOOL: _EQUALITY, GUID: _EQUALITY}
_CROSS = {
    "ForAnyOfAnyValues": (False, False),
    "ForAllOfAnyValues": (True, False),
    "ForAnyOfAllValues": (False, True),
    "ForAllOfAllValues": (True, True),
}
#: Kinds that the documentation lists under the cross product operators; there, no text "starts with".
_CROSSED = (STRING, NUMERIC, GUID)


def _operators() -> dict[str, Comparison]:
    found = {}
    for kind, tests in _TESTS.items():
        for base, test in tests.items():
            name = f"{kind}{base}"
            found[name.lower()] = Comparison(name, kind, test)
            if kind not in _CROSSED or "StartsWith" in base:
                continue
            for cross, quantifiers in _CROSS.items():
                crossed = f"{cross}:{name}"
                found[crossed.lower()] = Comparison(crossed, kind, test, quantifiers)
    return found


_OPERATORS = _operators()
