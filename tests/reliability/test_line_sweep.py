# SPDX-License-Identifier: Apache-2.0
"""Killed at every line of the provider that a run executes; `RELIABILITY_SOAK=1`: in every cell, twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import airflow_provider_azureml
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import CELLS, Cell
from tests.reliability.world.oracle import judge
from tests.reliability.world.world import World, world

PACKAGE = str(Path(airflow_provider_azureml.__file__).parent)
SOAK = bool(os.environ.get("RELIABILITY_SOAK"))
SWEPT = CELLS if SOAK else [Cell("command", "deferrable", "running")]
Line = tuple[str, int]


class Lines:
    """A trace function that counts how often each line runs, and kills at one of these times.

    :param fatal: the line, and the time of its running, that is the last of its process.
    """

    def __init__(self, made: World, fatal: tuple[Line, int] | None = None) -> None:
        self.ran: Counter[Line] = Counter()
        self._made = made
        self._fatal = fatal
        self._watched = fatal[0][0] if fatal else PACKAGE

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """Python's trace function: of our own frames only, or of the fatal file's, line by line."""
        return self._line if frame.f_code.co_filename.startswith(self._watched) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        process = self._made.engine.current
        if event == "line" and process is not None and process.alive:
            line = frame.f_code.co_filename, frame.f_lineno
            self.ran[line] += 1
            if self._fatal == (line, self.ran[line]):
                process.die()
        return self._line


def traced(azure: Azure, cell: Cell, fatal: tuple[Line, int] | None = None) -> tuple[Counter[Line], str]:
    """Run a cell; how often each line ran, and what was violated."""
    with world(azure) as made:
        made.trace = lines = Lines(made, fatal)
        ti = cell.run(made)
        verdict = judge(made)
    wrong = "" if ti.state in cell.ends else f"ended {ti.state}"
    return lines.ran, wrong if verdict.is_clean else str(verdict)


@pytest.mark.parametrize("cell", SWEPT, ids=str)
def test_a_kill_at_any_executed_line_duplicates_loses_and_invents_nothing(cell: Cell, cloud: Azure) -> None:
    traced(cloud, cell)  # what it imports is loaded now: those lines run once in a process of ours
    ran, problem = traced(cloud, cell)
    assert problem == ""
    points = {(line, 1) for line in ran} | ({(line, ran[line]) for line in ran} if SOAK else set())
    problems: list[str] = []
    missed: list[str] = []
    for line, time in sorted(points):
        again, problem = traced(cloud, cell, (line, time))
        where = f"{Path(line[0]).relative_to(PACKAGE)}:{line[1]}, time {time}"
        problems += [f"killed at {where}: {problem}"] if problem else []
        missed += [where] if again[line] < time else []
    assert problems == []
    assert missed == []
    TALLY.swept("kills at executed lines", len(points))
