# SPDX-License-Identifier: Apache-2.0
"""A cell of the matrix, struck at every boundary of its effects, one boundary per run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.reliability.world.airflow_model import TaskInstance
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import Cell
from tests.reliability.world.failpoint import AFTER, BEFORE, Effect, Strike, kill, lose
from tests.reliability.world.oracle import Verdict, judge
from tests.reliability.world.world import world

LOST, LOST_LOOKS = (500, 503, 408, 0), (503, 0)
"""Answers that say nothing about what was done; 0 is a connection that was reset. Of a look, two will do."""
CHANGES = re.compile(r": (PUT|PATCH|DELETE|POST .*/cancel$)")


@dataclass(frozen=True)
class Struck:
    """One run: where it was struck, and what came of it."""

    where: str
    cell: Cell
    ti: TaskInstance
    verdict: Verdict

    @property
    def problems(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if not self.verdict.is_clean:
            return str(self.verdict)
        return "" if self.ti.state in self.cell.ends else f"ended {self.ti.state}"


def effects_of(azure: Azure, cell: Cell) -> list[Effect]:
    """What happens when nothing is struck."""
    with world(azure) as made:
        cell.run(made)
        verdict = judge(made)
        assert verdict.is_clean, f"{cell}: {verdict}"
        return made.failpoints.effects


def kills(azure: Azure, cell: Cell) -> Iterator[Struck]:
    """The process that has the effect is killed before it, and after it."""
    for number, effect in enumerate(effects_of(azure, cell)):
        for phase in (BEFORE, AFTER):
            yield _struck(azure, cell, number, phase, kill, f"killed {phase} {number} {effect}")


def losses(azure: Azure, cell: Cell) -> Iterator[Struck]:
    """The answer to each request is lost after its effect."""
    for number, effect in enumerate(effects_of(azure, cell)):
        answers = LOST if CHANGES.search(str(effect)) else LOST_LOOKS
        for status in answers if effect.is_request else ():
            where = f"answered {status} after {number} {effect}"
            yield _struck(azure, cell, number, AFTER, lose(status), where)


def _struck(azure: Azure, cell: Cell, number: int, phase: str, strike: Strike, where: str) -> Struck:
    with world(azure, {(number, phase): strike}) as made:
        ti = cell.run(made)
        seen = "\n".join(map(str, made.failpoints.effects))
        assert len(made.failpoints.effects) > number, f"{cell} did not get as far as {where}:\n{seen}"
        return Struck(where, cell, ti, judge(made))
