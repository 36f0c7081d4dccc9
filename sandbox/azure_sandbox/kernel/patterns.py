# SPDX-License-Identifier: Apache-2.0
"""Patterns of actions, as roles, deny assignments and conditions write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def matches_any(patterns: Iterable[str], action: str) -> bool:
    """Whether an action is meant by one of the patterns; case does not matter."""
    return any(_compiled(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A star stands for any run of characters, slashes included, as the documentation shows. A whole
    # segment "/*/" may also be absent: Managed Identity Operator says userAssignedIdentities/*/assign/action
    # where the action is userAssignedIdentities/assign/action, and AzureML Data Scientist, which cannot
    # create compute by its description, withholds it as computes/*/write.
    expression = re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(expression, re.IGNORECASE)
