# SPDX-License-Identifier: Apache-2.0
"""A zombie and its retry: a worker stops for minutes at one boundary, and goes on at another of its successor.

Half of the time a person clears the task, or marks it, in the middle of it. What Airflow has no hook for
is closed by one pass of the reaper; `test_races.py` has more kinds of processes and moments, this more points.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reliability.cancel import reap_once
from tests.reliability.tally import TALLY
from tests.reliability.world.azure import CONNECTION, Azure, azure
from tests.reliability.world.cell import AFTERMATH, Cell, settle
from tests.reliability.world.engine import Process
from tests.reliability.world.failpoint import AFTER, BEFORE
from tests.reliability.world.oracle import Verdict, jobs, judge
from tests.reliability.world.worker import Worker
from tests.reliability.world.world import World, world

SEEDS = 10_000 if os.environ.get("RELIABILITY_SOAK") else 300
LONGEST_STOP = 1_500.0
AT_MOST = 4.0
"""Seconds from `on_kill` to the cancel on the wire: Airflow kills after five."""


class Zombie:
    """One interleaving, drawn from a seed."""

    def __init__(self, made: World, seed: int) -> None:
        dice = random.Random(seed)
        self._made = made
        self._stopped: list[Process] = []
        wait = dice.choice(("sync", "sync", "deferrable", "no wait"))
        self.ti = Cell("command", wait, dice.choice(("running", "finished", "failed"))).begin(made)
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


def problem_of(cloud: Azure, seed: int, delays: list[float], reaped: list[Verdict]) -> str:
    """What one interleaving violates; empty for nothing."""
    os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = f"zombies-{seed}"  # the fixture puts it back
    with world(cloud, seed=seed) as made:
        zombie = Zombie(made, seed)
        zombie.run()
        if judge(made).lost:
            reaped.append(judge(made))
            reap_once(made, grace=0.0)
            made.engine.run(until=made.engine.now + AFTERMATH)
        verdict, own = judge(made), cancel_delays(made)
    delays += own
    found = str(verdict) + "".join(
        f"; {delay:.1f} s from on_kill to cancel" for delay in own if delay >= AT_MOST
    )
    return f"seed {seed}: {found}" if found else ""


def cancel_delays(made: World) -> list[float]:
    """Seconds from a process's `on_kill` to each of its cancels."""
    found = []
    for row in (row for job in jobs(made) for row in job.cancels):
        sender = made.senders.get(row.request_id)
        began = getattr(sender and sender.owner, "on_kill_began", None)
        if began is not None:
            found.append(row.time - made.engine.epoch - began)
    return found


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, audit_log: Path) -> Iterator[Azure]:
    """An Azure of this module's own: the reaper looks at all jobs of its deployment."""
    with azure(tmp_path_factory.mktemp("zombies")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.connection())
        patch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "zombies")
        patch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", str(audit_log))
        yield made


def test_a_zombie_and_its_retry_make_one_job_and_no_foreign_cancel(apart: Azure) -> None:
    delays: list[float] = []
    reaped: list[Verdict] = []
    found = [problem for seed in range(SEEDS) if (problem := problem_of(apart, seed, delays, reaped))]
    assert found == []
    TALLY.swept("interleavings of a zombie and its retry", SEEDS)
    slowest = max(delays)
    TALLY.say(
        f"zombies: {len(delays)} cancels, the slowest {slowest:.1f} s after on_kill; {len(reaped)} runs reaped"
    )
