# SPDX-License-Identifier: Apache-2.0
"""What happens by itself as the cloud's clock moves on: done when somebody next looks.

There is no timer. The request path compares the time with :attr:`Agenda.next` and catches up first where
it has come; so ten thousand waiting things cost nothing, and after a clock has jumped a day ahead all is
as if every second of it had passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from azure_sandbox.kernel.clock import Clock


class Agenda:
    """The next moment at which something is due, and those who do it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._performers: list[Callable[[float], float]] = []
        #: Seconds since the epoch; infinite while nothing is planned.
        self.next = math.inf

    def served_by(self, perform: Callable[[float], float]) -> None:
        """:param perform: does all of its own that is due until a moment, and returns when the next is"""
        self._performers.append(perform)

    def expect(self, due: float) -> None:
        self.next = min(self.next, due)

    def catch_up(self) -> None:
        """Do what has become due; next to nothing where that is nothing."""
        now = self._clock.time()
        if now >= self.next:
            self.next = min((perform(now) for perform in self._performers), default=math.inf)
