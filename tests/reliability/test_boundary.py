# SPDX-License-Identifier: Apache-2.0
"""Killed at every boundary of an effect, answers lost after every request: one job, never lost, no lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.reliability.sweep import Struck, kills, losses
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import JOBS, OUTCOMES, WAITS, Cell
from tests.reliability.world.naive import NaiveOperator, RememberingOperator

CELLS = [Cell(kind, wait, outcome) for kind in JOBS for wait in WAITS for outcome in OUTCOMES]
ENDS = {"cancelled": {"failed"}}
"""A job that a person cancelled ends the task, and no retry is made; everything else ends well."""
Sweep = Callable[[Azure, Cell], Iterator[Struck]]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_kill_at_any_boundary_duplicates_loses_and_invents_nothing(cell, cloud, count):
    points = problems_of(cell, list(kills(cloud, cell)))
    count.append(f"boundary kills, {cell}: {points} points, 0 violations")


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_lost_answer_duplicates_loses_and_invents_nothing(cell, cloud, count):
    points = problems_of(cell, list(losses(cloud, cell)))
    count.append(f"boundary answers lost, {cell}: {points} points, 0 violations")


def problems_of(cell: Cell, runs: list[Struck]) -> int:
    """Fail with all that was found; return how many points were struck."""
    wished = ENDS.get(cell.outcome, {"success"}) | (
        {"success", "failed"} if cell.wait == "no wait" else set()
    )
    problems = [f"{run.where}: {run.verdict}" for run in runs if not run.verdict.is_clean]
    problems += [f"{run.where}: ended {run.ti.state}" for run in runs if run.ti.state not in wished]
    assert problems == []
    return len(runs)


@pytest.mark.parametrize("operator", [NaiveOperator, RememberingOperator])
@pytest.mark.parametrize("wait", WAITS)
def test_the_same_oracle_sees_the_duplicates_of_submit_then_remember(operator, wait, cloud, count):
    cell = Cell("command", wait, "running", operator)
    runs = list(kills(cloud, cell))
    duplicating = [run.where for run in runs if run.verdict.duplicate]
    assert duplicating
    count.append(
        f"calibration, {operator.__name__}, {wait}: {len(duplicating)} of {len(runs)} points duplicate"
    )
