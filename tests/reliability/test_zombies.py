# SPDX-License-Identifier: Apache-2.0
"""A zombie and its retry: a worker stops for minutes at one boundary, and goes on at another of its successor.

Half of the time a person clears the task, or marks it, in the middle of it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from tests.reliability.tally import TALLY
from tests.reliability.world.airflow_model import TaskInstance
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import Cell, settle
from tests.reliability.world.engine import Process
from tests.reliability.world.failpoint import AFTER, BEFORE
from tests.reliability.world.oracle import jobs, judge
from tests.reliability.world.worker import Worker
from tests.reliability.world.world import World, world

BLOCK, SEEDS = 250, 10_000 if os.environ.get("RELIABILITY_SOAK") else 1_000
LONGEST_STOP = 1_500.0
AT_MOST = 4.0
"""Seconds from `on_kill` to the cancel on the wire: Airflow kills after five."""
ENDS = {"success", "failed"}


class Race:
    """One interleaving, drawn from a seed."""

    def __init__(self, made: World, seed: int) -> None:
        dice = random.Random(seed)
        self._made = made
        self._stopped: list[Process] = []
        wait = dice.choice(("sync", "sync", "deferrable", "no wait"))
        self.ti: TaskInstance = Cell("command", wait, dice.choice(("running", "finished", "failed"))).begin(
            made
        )
        stops, goes_on = dice.randrange(12), dice.randrange(1, 16)
        plan = made.failpoints.plan
        plan[stops, dice.choice((BEFORE, AFTER))] = self._stop
        plan[stops + goes_on, dice.choice((BEFORE, AFTER))] = self._go_on
        if dice.random() < 0.5:
            act = dice.choice((self._clear, self._mark_failed, self._mark_success))
            plan[stops + dice.randrange(1, 16), dice.choice((BEFORE, AFTER))] = self._soon(act)

    def run(self) -> None:
        """To the end, the zombie's included."""
        settle(self._made, self.ti)

    def _stop(self, process: Process) -> None:
        """SIGSTOP at this very point; SIGCONT at the latest after a while."""
        if not isinstance(process.owner, Worker) or process is not process.owner.process:
            return
        engine = self._made.engine
        self._stopped.append(process)
        process.stall()
        engine.call_in(0.0, process.resume)
        engine.call_in(LONGEST_STOP, process.unstall)
        process.wait(engine.now)

    def _go_on(self, process: Process) -> None:
        for stopped in self._stopped:
            stopped.unstall()

    def _soon(self, act: Callable[[], None]) -> Callable[[Process], None]:
        return lambda process: self._made.engine.call_in(0.0, act)

    def _clear(self) -> None:
        self._made.airflow.clear(self.ti)

    def _mark_failed(self) -> None:
        self._made.airflow.mark(self.ti, "failed")

    def _mark_success(self) -> None:
        self._made.airflow.mark(self.ti, "success")


def problems_of(azure: Azure, seed: int, slowest: list[float]) -> str:
    """What one interleaving violates; empty for nothing."""
    with world(azure, seed=seed) as made:
        race = Race(made, seed)
        race.run()
        verdict = judge(made)
        delays = list(cancel_delays(made))
    slowest += delays
    found = "" if verdict.is_clean else str(verdict)
    found += "".join(f"; a cancel came {delay:.1f} s after on_kill" for delay in delays if delay >= AT_MOST)
    found += "" if race.ti.state in ENDS else f"; ended {race.ti.state}"
    return f"seed {seed}: {found}" if found else ""


def cancel_delays(made: World) -> list[float]:
    """Seconds from a process's `on_kill` to each of its cancels."""
    asked = [row for job in jobs(made) for row in job.cancels]
    found = []
    for row in asked:
        sender = made.senders.get(row.request_id)
        began = None if sender is None else sender.owner.on_kill_began
        if began is not None:
            found.append(row.time - made.engine.epoch - began)
    return found


@pytest.mark.parametrize("block", range(0, SEEDS, BLOCK))
def test_a_zombie_and_its_retry_make_one_job_and_no_foreign_cancel(block, cloud):
    slowest: list[float] = []
    found = [
        problem for seed in range(block, block + BLOCK) if (problem := problems_of(cloud, seed, slowest))
    ]
    assert found == []
    TALLY.swept("interleavings of a zombie and its retry", BLOCK)
    TALLY.say(
        f"interleavings from {block}: {len(slowest)} cancels, the slowest {max(slowest, default=0):.1f} s"
    )
