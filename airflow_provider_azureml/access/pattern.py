# SPDX-License-Identifier: Apache-2.0
"""Patterns of actions in role definitions, and which scope lies inside which."""

from __future__ import annotations

import re
from functools import lru_cache

_GROUPS = "/providers/microsoft.management/managementgroups/"
_IDENTITIES = "microsoft.managedidentity/userassignedidentities"
SETTLED = frozenset(
    {
        (f"{_IDENTITIES}/*/assign/action", f"{_IDENTITIES}/assign/action"),
        (f"{_IDENTITIES}/*/read", f"{_IDENTITIES}/read"),
    }
)
"""(pattern, action) that match for certain: the role Managed Identity Operator is documented to do this."""


@lru_cache(maxsize=4096)
def _compiled(pattern: str, loose: bool) -> re.Pattern[str]:
    """`*` is any text. Whether `/*/` may also be a single `/` is not documented: hence `loose`."""
    text = re.escape(pattern.strip().lower())
    if loose:
        text = text.replace(r"/\*/", "/(?:.*/)?")
    return re.compile(text.replace(r"\*", ".*"), re.DOTALL)


def matches(pattern: str, action: str, loose: bool = False) -> bool:
    """Whether an action is of a pattern; upper and lower case are alike.

    :param loose: read `/*/` as zero or more parts, not as one or more.
    """
    asked = action.strip().lower()
    return (
        _compiled(pattern, loose).fullmatch(asked) is not None or (pattern.strip().lower(), asked) in SETTLED
    )


def covers(outer: str, inner: str) -> bool:
    """Whether a scope is another one, or lies above it; upper and lower case are alike.

    A management group counts as above everything: which subscriptions are in it is not in its id, and
    ARM lists, for a scope, those above it only.
    """
    above, below = (text.strip().lower().rstrip("/") for text in (outer, inner))
    return below == above or below.startswith(above + "/") or above.startswith(_GROUPS)


def is_same(one: str, other: str) -> bool:
    """Whether two scopes are one."""
    return one.strip().lower().rstrip("/") == other.strip().lower().rstrip("/")
