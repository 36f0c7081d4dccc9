# SPDX-License-Identifier: Apache-2.0
"""What the tests counted, for one line each in the terminal's summary."""

from __future__ import annotations

from collections import Counter


class Tally:
    """Points by what was swept, and violations by kind."""

    def __init__(self) -> None:
        self._points: Counter[str] = Counter()
        self._cells: Counter[str] = Counter()
        #: Lines as they are.
        self.said: list[str] = []

    def swept(self, what: str, points: int) -> None:
        """A cell was swept, and no point of it violated anything."""
        self._points[what] += points
        self._cells[what] += 1

    def say(self, line: str) -> None:
        """A line as it is."""
        self.said.append(line)

    def lines(self) -> list[str]:
        """The summary."""
        clean = "0 duplicates, 0 lost, 0 stale, 0 green without a run, 0 foreign cancels"
        counted = [
            f"{what}: {points} in {self._cells[what]} cells: {clean}" for what, points in self._points.items()
        ]
        return counted + self.said


TALLY = Tally()
