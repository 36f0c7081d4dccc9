# SPDX-License-Identifier: Apache-2.0
"""Random sequences of kills and lost answers, each from one seed: `RELIABILITY_SEED=n` replays it."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from tests.reliability.tally import TALLY
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import CELLS, Cell
from tests.reliability.world.failpoint import AFTER, BEFORE, Strike, kill, lose
from tests.reliability.world.oracle import judge
from tests.reliability.world.world import world

SOAK = bool(os.environ.get("RELIABILITY_SOAK"))
BLOCK = 250
SEEDS = 10_000 if SOAK else 2_000
REPLAY = os.environ.get("RELIABILITY_SEED")
LAST_EFFECT = 40
Plan = dict[tuple[int, str], Strike]


def drawn(seed: int) -> tuple[Cell, Plan]:
    """A cell with tries enough, and one to four strikes."""
    dice = random.Random(seed)
    plan: Plan = {}
    for _ in range(dice.randint(1, 4)):
        is_loss = dice.random() < 0.3
        strike = lose(dice.choice((500, 503, 408, 0))) if is_loss else kill
        plan[dice.randrange(LAST_EFFECT), AFTER if is_loss else dice.choice((BEFORE, AFTER))] = strike
    return replace(dice.choice(CELLS), retries=6), plan


def problem_of(azure: Azure, seed: int) -> str:
    """What one sequence violates; empty for nothing."""
    cell, plan = drawn(seed)
    with world(azure, plan, seed) as made:
        ti = cell.run(made)
        verdict = judge(made)
        wrong = "" if ti.state in cell.ends else f"ended {ti.state}"
    found = wrong if verdict.is_clean else str(verdict)
    return f"RELIABILITY_SEED={seed} ({cell}; strikes at {sorted(plan)}): {found}" if found else ""


def seeds(block: int) -> range:
    """The seeds of a block, or the one to replay."""
    if REPLAY is not None:
        return range(int(REPLAY), int(REPLAY) + 1)
    return range(block, block + BLOCK)


@pytest.mark.parametrize("block", range(0, SEEDS if REPLAY is None else 1, BLOCK))
def test_no_random_sequence_of_kills_duplicates_loses_or_invents_anything(block: int, cloud: Azure) -> None:
    tried = seeds(block)
    assert [problem for seed in tried if (problem := problem_of(cloud, seed))] == []
    TALLY.swept("random sequences of one to four kills and lost answers", len(tried))
