# SPDX-License-Identifier: Apache-2.0
"""One task instance each, in a real Airflow on PostgreSQL: what people and machines do to it, and its ledger.

All scenarios run at the same time, since most of their time is waiting; each is judged when all are over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

import pytest

from tests.airflow.deployment import START_SECONDS, Deployment, until
from tests.airflow.ledger import Ledger
from tests.airflow.person import ACTS, Person, play
from tests.airflow.scenarios import SCENARIOS, TASK

pytestmark = pytest.mark.timeout(900)
AT_ONCE = 12
"""Scenarios at the same time: the long ones stand first, and keep a worker each."""
Played = Mapping[str, "Future[None]"]


@pytest.fixture(scope="module")
def played(deployment: Deployment, ledger: Ledger) -> Played:
    """All scenarios, over."""
    deployment.make_whole()
    for name, row in SCENARIOS.items():
        if row.fault:
            path = f"/jobs/{name}-{TASK}-.*/cancel"
            ledger.fault({"match": {"method": "POST", "path": path}, **row.fault})
    for name in SCENARIOS:
        until(f"DAG {name} is parsed", START_SECONDS, partial(deployment.airflow.knows, name))
    people = {name: Person(deployment, ledger, name) for name in SCENARIOS}
    pool = ThreadPoolExecutor(AT_ONCE)
    futures = {name: pool.submit(play, person) for name, person in people.items()}
    try:
        wait(futures.values())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return futures


def test_every_scenario_has_its_act() -> None:
    assert ACTS.keys() == SCENARIOS.keys()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_ledger_is_as_it_was_written_down(
    played: Played, deployment: Deployment, ledger: Ledger, name: str
) -> None:
    row, person = SCENARIOS[name], Person(deployment, ledger, name)
    played[name].result()
    stories = [str(job) for job in person.jobs()]
    assert len(stories) == len(row.jobs), stories
    for story, expected in zip(stories, row.jobs, strict=True):
        assert re.fullmatch(expected, story), stories
    assert ledger.most_active(person.prefix) == 1
    state, tries, _ = person.instance()
    assert (state, max(tries, row.tries)) == (row.state, tries)
