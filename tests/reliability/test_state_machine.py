# SPDX-License-Identifier: Apache-2.0
"""Everything that can happen, in random order: one job at a time, no lie, no foreign cancel, none lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.machine import drawn, shortened, violation
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import CONNECTION, Azure, azure
from tests.reliability.world.naive import RememberingOperator

SOAK = bool(os.environ.get("RELIABILITY_SOAK"))
REPLAY = os.environ.get("RELIABILITY_SEED")
MACHINES, STEPS = (5_000, 80) if SOAK else (500, 60)
BLOCK = 50
LESS_CAREFUL = 20


@pytest.fixture
def apart(tmp_path: Path, audit_log: Path) -> Iterator[Azure]:
    """An Azure of each block's own: its secret changes, and the reaper looks at all its jobs."""
    with azure(tmp_path) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.connection())
        patch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "machine")
        patch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", str(audit_log))
        yield made


@pytest.mark.parametrize("block", range(0, MACHINES if REPLAY is None else 1, BLOCK))
def test_whatever_happens_no_invariant_is_violated(block: int, apart: Azure) -> None:
    seeds = range(block, block + BLOCK) if REPLAY is None else [int(REPLAY)]
    for seed in seeds:
        steps = drawn(seed, STEPS)
        found = violation(apart, seed, steps)
        if found:
            steps = shortened(apart, seed, steps)
            pytest.fail(f"RELIABILITY_SEED={seed}: {violation(apart, seed, steps)}\nafter {steps}")
    TALLY.swept(f"state machines of {STEPS} steps", len(seeds))


def test_the_same_machines_see_what_submit_then_remember_does(apart: Azure) -> None:
    steps = {seed: drawn(seed, STEPS) for seed in range(LESS_CAREFUL)}
    found = [seed for seed in steps if violation(apart, seed, steps[seed], RememberingOperator)]
    assert found
    TALLY.say(
        f"calibration, RememberingOperator: {len(found)} of {LESS_CAREFUL} state machines violate something"
    )
