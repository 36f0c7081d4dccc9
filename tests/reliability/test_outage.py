# SPDX-License-Identifier: Apache-2.0
"""An hour without Azure, then Azure's buckets: nothing fails, nothing is cancelled, nobody knocks too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.reliability.watching import Line, effects, http_date, refusal, submit, watching
from tests.reliability.world.azure import Answer, Azure, Life
from tests.reliability.world.failpoint import AnswerLostError
from tests.reliability.world.world import World, world

JOBS, POLL, HOUR = 2_000, 120.0, 3_600.0
BEGINS = 130.0
LONGEST = 600.0
UNDER_WAY = 0.25
"""Seconds for which a request may have been on its way when Azure asked for a pause."""
BATCH = "/batchrundata"
AZURES_BUCKETS = {"preset": "azure", "run_history": {"size": 50, "per_second": 5}}


@dataclass
class Outage:
    """Total: no host answers well. Each pause that it asks for is remembered, and who does not keep it."""

    world: World
    ends: float
    too_early: int = 0
    asked: int = 0
    _closed: dict[str, float] = field(default_factory=dict)
    _refused: dict[str, float] = field(default_factory=dict)

    def respond(self, host: str, path: str) -> Answer | None:
        """What becomes of a request now."""
        now = self.world.engine.now
        if now < self._closed.get(host, 0.0) and now > self._refused[host] + UNDER_WAY:
            self.too_early += 1
        if not BEGINS <= now < self.ends:
            return None
        self.asked += 1
        if now < BEGINS + HOUR / 3:
            raise AnswerLostError(0)
        answer, named = self._refusal(now)
        self._closed[host], self._refused[host] = now + min(named, LONGEST), now
        return answer

    def _refusal(self, now: float) -> tuple[Answer, float]:
        if now < BEGINS + HOUR / 2:
            return refusal(503), 0.0
        if now < BEGINS + 0.6 * HOUR:
            return refusal(429, "90"), 90.0
        if now < BEGINS + 0.7 * HOUR:
            return refusal(503, http_date(self.world, 60.0)), 59.0
        return refusal(429, "604800"), 604_800.0


def closed(respond: Callable[[str, str], Answer | None]) -> Callable[[str, str], Answer | None]:
    """The same, with the batch endpoint closed to this identity."""

    def answer(host: str, path: str) -> Answer | None:
        return respond(host, path) or (refusal(403, code="Forbidden") if BATCH in path else None)

    return answer


@pytest.mark.parametrize("is_open", [True, False], ids=["by batch", "by list, the batch endpoint closed"])
def test_2000_jobs_outlive_an_hour_without_azure_and_its_buckets(
    cloud: Azure, count: list[str], is_open: bool
) -> None:
    with world(cloud, seed=1) as made:
        airflow, line = watching(made)
        outage = Outage(made, BEGINS + HOUR)
        line.respond = outage.respond if is_open else closed(outage.respond)
        ends = BEGINS + HOUR + LONGEST * 1.2 + 130.0
        for name in submit(made, JOBS, Life(ends)):
            airflow.wait_for(name, poll_interval=POLL)
        made.engine.call_at(outage.ends, lambda: cloud.sandbox.throttle(AZURES_BUCKETS) and None)
        made.triggerer()
        made.engine.run(until=ends + 2 * POLL, done=lambda: len(airflow.events) == JOBS)
        seen = {event["status"] for _, event in airflow.events.values()}
        last = max(moment for moment, _ in airflow.events.values()) - ends
        count.append(told(line, outage, last, is_open))
        assert (len(airflow.events), seen, airflow.failures) == (JOBS, {"Completed"}, [])
        assert effects(made) == {"created": JOBS, "started": JOBS, "ended": JOBS}
        assert outage.too_early == 0
        assert outage.asked > 20
        after = [status for moment, *_, status in line.requests if moment >= outage.ends]
        assert after.count(429) <= 0.1 * len(after)
        assert last <= 1.2 * POLL + 5.0


def told(line: Line, outage: Outage, last: float, is_open: bool) -> str:
    """One line for the summary."""
    after = [status for moment, *_, status in line.requests if moment >= outage.ends]
    way = "batch" if is_open else "list"
    return (
        f"outage by {way}: {JOBS} jobs, 1 h: {outage.asked} requests meanwhile, {outage.too_early} too early; then "
        f"{len(after)} requests, {after.count(429)} of them 429; last event {last:.0f} s after the end of its job"
    )


@pytest.mark.parametrize(
    ("header", "shortest", "longest"),
    [
        ("", 0.0, 62.0),
        ("0", 0.0, 62.0),
        ("45", 45.0, 62.0),
        ("date", 44.0, 62.0),
        ("-45", 0.0, 62.0),
        ("soon", 0.0, 62.0),
        ("604800", 600.0, 722.0),
    ],
    ids=["none", "zero", "seconds", "a date", "negative", "garbage", "a week"],
)
def test_every_kind_of_retry_after_is_kept_as_far_as_it_makes_sense(
    cloud: Azure, header: str, shortest: float, longest: float
) -> None:
    with world(cloud, seed=2) as made:
        airflow, line = watching(made)
        refused: list[float] = []

        def respond(host: str, path: str) -> Answer | None:
            if BATCH not in path or refused or made.engine.now < 60.0:
                return None
            refused.append(made.engine.now)
            return refusal(429, http_date(made, 45.0) if header == "date" else header)

        line.respond = respond
        ends = 90.0 + longest
        for name in submit(made, 150, Life(ends)):
            airflow.wait_for(name, poll_interval=30.0)
        made.triggerer()
        made.engine.run(until=ends + 90.0)
        following = min(
            moment for moment, _, path, _ in line.requests if BATCH in path and moment > refused[0]
        )
        assert shortest <= following - refused[0] <= longest
        assert len(airflow.events) == 150
        assert airflow.failures == []
        assert effects(made) == {"created": 150, "started": 150, "ended": 150}
