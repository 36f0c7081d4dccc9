# SPDX-License-Identifier: Apache-2.0
"""Clears, and edits of `retries` between tries: a clear is a new request, an edit is none."""

from __future__ import annotations

import itertools

import pytest

from tests.reliability.tally import TALLY
from tests.reliability.world.airflow_model import TaskInstance
from tests.reliability.world.azure import Azure
from tests.reliability.world.cell import Cell, settle
from tests.reliability.world.oracle import jobs, judge
from tests.reliability.world.world import World, world

EDITS = (0, 1, 2, 3, 5)
"""What `retries` is set to; it was 3."""
WHILE_ACTIVE = 60.0


def end_of(made: World, ti: TaskInstance) -> str:
    """Let everything come to its end: the task's, which has to be a clean one."""
    settle(made, ti)
    assert str(judge(made)) == ""
    return str(ti.state)


@pytest.mark.parametrize("wait", ["sync", "deferrable"])
@pytest.mark.parametrize("outcome", ["finished", "failed", "cancelled"])
def test_a_task_that_is_cleared_after_its_end_runs_again_whatever_retries_is_now(
    wait: str, outcome: str, cloud: Azure
) -> None:
    for edits in itertools.product(EDITS[1:4], EDITS[1:4]):
        with world(cloud) as made:
            ti = Cell("command", wait, outcome).run(made)
            for number, edit in enumerate(edits):
                before = len(jobs(made))
                ti.task.retries = edit
                made.airflow.clear(ti)
                assert end_of(made, ti) == "success", (edits, number)
                assert len(jobs(made)) == before + 1
    TALLY.swept("clears after an end and an edit of retries", 9)


@pytest.mark.parametrize("wait", ["sync", "deferrable"])
def test_a_task_that_is_cleared_while_its_job_is_active_ends_it_first(wait: str, cloud: Azure) -> None:
    for edit in EDITS:
        with world(cloud) as made:
            ti = Cell("command", wait, "running").begin(made)
            made.engine.run(until=WHILE_ACTIVE)
            ti.task.retries = edit
            made.airflow.clear(ti)
            assert end_of(made, ti) == "success"
            assert [job.status for job in jobs(made)] == ["Canceled", "Completed"]
    TALLY.swept("clears of an active job after an edit of retries", len(EDITS))


@pytest.mark.parametrize("wait", ["sync", "deferrable"])
@pytest.mark.parametrize("outcome", ["running", "finished"])
def test_an_edit_of_retries_is_no_clear(wait: str, outcome: str, cloud: Azure) -> None:
    for edit in EDITS:
        with world(cloud) as made:
            ti = Cell("command", wait, outcome).begin(made)
            made.engine.run(until=WHILE_ACTIVE)
            for worker in made.airflow.workers:
                worker.process.kill()
            ti.task.retries = edit
            assert end_of(made, ti) == "success"
            assert [job.status for job in jobs(made)] == ["Completed"]
    TALLY.swept("retries after an edit of retries", len(EDITS))
