# SPDX-License-Identifier: Apache-2.0
"""The emulated kill against a real one: a forked worker that ends by `os._exit(137)` leaves the same ledger."""

from __future__ import annotations

import pytest

from tests.reliability.sweep import effects_of
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import Cell
from tests.reliability.world.failpoint import AFTER, BEFORE, kill
from tests.reliability.world.forked import ForkedWorker
from tests.reliability.world.oracle import judge
from tests.reliability.world.world import world

CELLS = [Cell("command", wait, "running") for wait in ("sync", "deferrable", "no wait")]
EVERY = 3


def ledger_of(azure: Azure, cell: Cell, number: int, phase: str, *, forked: bool) -> list[tuple[object, ...]]:
    """The effects of a run in which a worker dies, in their order; without names, which differ by run."""
    with world(azure, {(number, phase): kill}) as made:
        if forked:
            made.worker = lambda ti: ForkedWorker(made, ti)  # type: ignore[method-assign]
        ti = cell.run(made)
        assert str(judge(made)) == ""
        rows = azure.ledger()
    states = [(row.effect, row.subject.rpartition("-")[2], (row.after or {}).get("status")) for row in rows]
    return [*states, (ti.state, ti.try_number, ti.result["name"].rpartition("-")[2])]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_an_emulated_death_leaves_the_ledger_of_a_real_one(cell: Cell, cloud: Azure) -> None:
    effects = effects_of(cloud, cell)
    numbers = [n for n, effect in enumerate(effects) if effect.process.startswith("worker")][::EVERY]
    for number in numbers:
        for phase in (BEFORE, AFTER):
            real = ledger_of(cloud, cell, number, phase, forked=True)
            assert real == ledger_of(cloud, cell, number, phase, forked=False), effects[number]
    TALLY.swept("kills by fork and os._exit(137), each with the ledger of its emulation", 2 * len(numbers))
