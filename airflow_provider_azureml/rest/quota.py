# SPDX-License-Identifier: Apache-2.0
"""What ARM lets one principal read, as far as we know: polls leave a part of it to submits and cancels."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from airflow_provider_azureml.rest.flow import Response

SIZE = 250.0
"""Reads that ARM's bucket holds, per region, subscription and principal (documented; reliability.md 4)."""
REFILL = 12.5
"""Reads per second that polls take: half of what flows into ARM's bucket. Workers take from it too."""
RESERVE = 50.0
"""Reads that polls leave in the bucket."""
_REMAINING = re.compile(r"x-ms-ratelimit-remaining-(subscription|tenant)-(global-)?reads")


class Quota:
    """A bucket that is filled by time, and set right by each answer that says how much remains.

    :param clock: seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = SIZE, clock()

    def wait(self) -> float:
        """Seconds until one more poll may read; ask again then, somebody else may have been faster."""
        short = RESERVE + 1.0 - self._level()
        return short / REFILL if short > 0.001 else 0.0  # not so little that no clock could show it

    def spend(self) -> None:
        """A read goes out."""
        self._left = self._level() - 1.0

    def see(self, answer: Response) -> None:
        """Learn from an answer how much the service thinks is left."""
        told = [value for name, value in answer.headers.items() if _REMAINING.fullmatch(name)]
        left = [float(value) for value in told if value.isascii() and value.isdigit()]
        if left:
            self._left, self._at = min(left), self._clock()

    def _level(self) -> float:
        now = self._clock()
        if self._left < SIZE:
            self._left = min(SIZE, self._left + (now - self._at) * REFILL)
        self._at = now
        return self._left
