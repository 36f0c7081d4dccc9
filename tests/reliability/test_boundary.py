# SPDX-License-Identifier: Apache-2.0
"""Killed at every boundary of an effect, answers lost after every request: one job, never lost, no lie."""

from __future__ import annotations

import pytest

from tests.reliability.sweep import Struck, kills, losses
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import CELLS, WAITS, Cell
from tests.reliability.world.naive import NaiveOperator, RememberingOperator


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_kill_at_any_boundary_duplicates_loses_and_invents_nothing(cell: Cell, cloud: Azure) -> None:
    TALLY.swept("kills before and after an effect", problemless(list(kills(cloud, cell))))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_lost_answer_duplicates_loses_and_invents_nothing(cell: Cell, cloud: Azure) -> None:
    TALLY.swept(
        "answers lost after the effect (500, 503, 408, reset)", problemless(list(losses(cloud, cell)))
    )


def problemless(runs: list[Struck]) -> int:
    """Fail with all that was found; return how many points were struck."""
    assert [f"{run.where}: {run.problems}" for run in runs if run.problems] == []
    return len(runs)


@pytest.mark.parametrize("operator", [NaiveOperator, RememberingOperator])
@pytest.mark.parametrize("wait", WAITS)
def test_the_same_oracle_sees_the_duplicates_of_submit_then_remember(
    operator: type[NaiveOperator], wait: str, cloud: Azure
) -> None:
    runs = list(kills(cloud, Cell("command", wait, "running", operator)))
    duplicating = [run.where for run in runs if run.verdict.duplicate]
    assert duplicating
    TALLY.say(f"calibration, {operator.__name__}, {wait}: {len(duplicating)} of {len(runs)} points duplicate")
