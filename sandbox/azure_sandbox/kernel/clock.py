# SPDX-License-Identifier: Apache-2.0
"""Time, injected: every timer in the sandbox asks the cloud's clock."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time in seconds since the epoch."""

    def time(self) -> float: ...


class SystemClock:
    """The machine's own time."""

    def time(self) -> float:
        return time.time()


class ManualClock:
    """A clock that moves only when told to, for tests."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


#: Whose clock can be wrong on its own: each is what answers the hosts of one surface.
COMPONENTS = ("entra", "management", "azureml-region", "graph", "keyvault")


class CloudClock:
    """The one clock of a cloud: another clock that can be held, moved ahead, and be wrong in places."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._held: float | None = None
        self._ahead = 0.0
        #: Component -> seconds that its own clock is ahead of the cloud's.
        self.skew: dict[str, float] = {}

    @property
    def frozen(self) -> bool:
        return self._held is not None

    def time(self) -> float:
        return (self._base.time() if self._held is None else self._held) + self._ahead

    def time_of(self, component: str) -> float:
        """What a component believes the time to be."""
        return self.time() + self.skew.get(component, 0.0) if self.skew else self.time()

    def freeze(self) -> None:
        if self._held is None:
            self._held = self._base.time()

    def thaw(self) -> None:
        """Go on from the moment at which it was held."""
        if self._held is not None:
            self._ahead += self._held - self._base.time()
            self._held = None

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


@lru_cache(maxsize=1 << 16)
def iso(seconds: float) -> str:
    """As ARM, Graph and run history write times: ``2026-11-22T23:50:00.123456+00:00``."""
    return utc(seconds).isoformat(timespec="microseconds")


def iso_z(seconds: float) -> str:
    """As Graph and Key Vault metadata write whole seconds: ``2026-11-22T23:50:00Z``."""
    return utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> float:
    """Seconds since the epoch; raises ValueError for anything that is not ISO 8601."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def http_date(seconds: float) -> str:
    """RFC 1123, as in ``Date`` and ``Last-Modified``."""
    return format_datetime(utc(seconds).replace(microsecond=0), usegmt=True)


def hours(count: float) -> float:
    """Seconds in so many hours."""
    return timedelta(hours=count).total_seconds()
