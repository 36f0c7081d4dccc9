# SPDX-License-Identifier: Apache-2.0
"""One measured figure with its goal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A line of ``make bench``.

    :param at_least: the goal is a floor (requests per second) and not a ceiling (seconds, MB)
    :param beside: what it was compared to in the same run
    """

    name: str
    measured: float
    unit: str
    goal: float
    beside: str
    at_least: bool = False

    @property
    def ok(self) -> bool:
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal

    def __str__(self) -> str:
        sign, verdict = (">=" if self.at_least else "<="), ("ok" if self.ok else "short")
        goal = f"{sign} {self.goal:g}"
        return f"{self.name:<34} {self.measured:>9.3g} {self.unit:<10} {goal:<10} {verdict:<6} {self.beside}"
