# SPDX-License-Identifier: Apache-2.0
"""The cloud's clock as the control API shows and sets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure_sandbox.kernel import checks
from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.kernel.clock import COMPONENTS, CloudClock, iso

#: Seconds; thirty years.
_FARTHEST = 1e9


def clock_state(clock: CloudClock) -> dict[str, Any]:
    now = clock.time()
    return {"time": now, "utc": iso(now), "frozen": clock.frozen, "skew": dict(clock.skew)}


def set_clock(clock: CloudClock, document: Mapping[str, Any]) -> None:
    """Take ``freeze``, ``advance`` and ``skew``, any of them; nothing where one is wrong.

    :raises InvalidRule: naming the member that is wrong
    """
    checks.only(document, "the clock", {"freeze", "advance", "skew"})
    freeze = document.get("freeze")
    if "freeze" in document and not isinstance(freeze, bool):
        raise InvalidRule("freeze must be true or false")
    ahead = checks.number(document, "", "advance", 0, most=_FARTHEST)
    given = checks.child(document, "", "skew") if "skew" in document else {}
    checks.only(given, "skew", set(COMPONENTS))
    skew = {name: checks.number(given, "skew", name, least=-_FARTHEST, most=_FARTHEST) for name in given}
    if freeze is not None:
        (clock.freeze if freeze else clock.thaw)()
    clock.advance(ahead)
    clock.skew = {name: seconds for name, seconds in {**clock.skew, **skew}.items() if seconds}
