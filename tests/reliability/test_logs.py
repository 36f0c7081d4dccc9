# SPDX-License-Identifier: Apache-2.0
"""Logs beside the watching: no line lost, none twice after a restart, and a hung store holds up nothing.

The log store is the test's own, at the address that the sandbox gives out; all else is the sandbox.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from airflow_provider_azureml.triggers.reader import LAST
from tests.reliability.watching import Deferred, Line, refusal, submit, watching
from tests.reliability.world.azure import Answer, Azure, Life
from tests.reliability.world.world import World, world

POLL = 30.0
LIFE = 900.0
FOR_EVER = 1e9
HAS_BEGUN = [{"after": 6, "text": "the sandbox gives out an address once there is a file"}]


def numbered(seconds: float) -> bytes:
    """A log that grows by seven lines per second."""
    return b"".join(b"line %06d of the log\n" % number for number in range(int(seconds * 7)))


@dataclass
class LogStore:
    """Blob storage of one account, as far as logs go.

    :param content: the log, by the seconds since the world began.
    :param signed_for: seconds for which an address is good.
    """

    world: World
    content: Callable[[float], bytes] = numbered
    signed_for: float = FOR_EVER
    hangs: bool = False
    sent: int = 0
    visits: list[float] = field(default_factory=list)
    _first_seen: dict[str, float] = field(default_factory=dict)
    _hang_next: bool = False

    def change(self, url: str, headers: dict[str, str], body: bytes) -> Answer | bytes:
        """Answer what is meant for the store."""
        parts = urlsplit(url)
        if not (parts.hostname or "").endswith(".blob.core.windows.net"):
            return body
        now = self.world.engine.now
        self.visits.append(now)
        self._hang_next = self.hangs
        signature = parse_qs(parts.query)["sig"][0]
        if now > self._first_seen.setdefault(signature, now) + self.signed_for:
            return refusal(403, code="AuthenticationFailed")
        return self._range(self.content(now), headers["Range"])

    def latency(self) -> float:
        """Seconds of one way of a request; the way back of a hung answer has no end."""
        hangs, self._hang_next = self._hang_next, False
        return FOR_EVER if hangs else self.world.dice.uniform(0.01, 0.1)

    def _range(self, content: bytes, wanted: str) -> Answer:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        assert found, wanted
        part = content[int(found[1]) : int(found[2]) + 1]
        if not part:
            return refusal(416, code="InvalidRange")
        self.sent += len(part)
        return Answer(206, {"content-type": "text/plain"}, part)


@contextmanager
def streaming(
    cloud: Azure, seed: int, jobs: int = 1
) -> Iterator[tuple[World, Deferred, Line, LogStore, list[str]]]:
    """Tasks that show the logs of so many jobs; the lines that they showed are in the list."""
    with world(cloud, seed=seed) as made, capture_logs() as said:
        airflow, line = watching(made)
        store = LogStore(made)
        line.change, made.latency = store.change, store.latency  # type: ignore[method-assign]
        for name in submit(made, jobs, Life(LIFE), log=HAS_BEGUN):
            airflow.wait_for(name, poll_interval=POLL, stream_logs=True)
        lines = Lines(said)
        yield made, airflow, line, store, lines


class Lines(list[str]):
    """What was logged, without what we say ourselves of the job's state."""

    def __init__(self, said: list[object]) -> None:
        super().__init__()
        self._said = said

    def collect(self) -> list[str]:
        """All lines so far."""
        events = [str(entry["event"]) for entry in self._said]  # type: ignore[index]
        self[:] = [event for event in events if not event.startswith("Job ")]
        return self


def of_log(lines: list[str]) -> list[str]:
    """Those that the job wrote."""
    return [line for line in lines if line.startswith("line ")]


def run(made: World, airflow: Deferred, until: float = LIFE + 3 * POLL, jobs: int = 1) -> None:
    made.engine.run(until=until, done=lambda: len(airflow.events) == jobs)
    assert airflow.failures == []


def written(store: LogStore, made: World) -> list[str]:
    return store.content(made.engine.now).decode(errors="replace").splitlines()


def test_a_log_is_shown_whole_and_read_once(cloud: Azure, count: list[str]) -> None:
    with streaming(cloud, 1) as (made, airflow, _, store, lines):
        store.content = lambda now: numbered(min(now, LIFE))
        made.triggerer()
        run(made, airflow)
        assert lines.collect() == written(store, made)
        size = len(store.content(LIFE))
        count.append(f"log: {size} bytes, {store.sent} read, {store.sent / size:.3f} times")
        assert store.sent <= 1.05 * size
        assert airflow.events.popitem()[1][1]["log_offset"] == size


@pytest.mark.parametrize("death", ["stop", "kill"], ids=["SIGTERM", "SIGKILL"])
def test_another_triggerer_goes_on_where_the_last_one_stopped(
    cloud: Azure, count: list[str], death: str
) -> None:
    repeated, restarts = [], 0
    for seed in range(6):
        with streaming(cloud, seed) as (made, airflow, _, store, lines):
            store.content = lambda now: numbered(min(now, LIFE))
            dice = random.Random(seed)
            moments = sorted(dice.uniform(20.0, LIFE) for _ in range(4))
            triggerers = [made.triggerer(delay) for delay in (0.0, *(moment + 3.0 for moment in moments))]
            for moment, triggerer in zip(moments, triggerers, strict=False):
                made.engine.call_at(moment, getattr(triggerer, death))
            run(made, airflow)
            shown, expected = of_log(lines.collect()), written(store, made)
            assert list(dict.fromkeys(shown)) == expected  # none is lost, and all are in order
            repeated.append(len(shown) - len(expected))
            restarts += len(moments)
    count.append(f"log over {restarts} restarts by {death}: 0 lines lost, {sum(repeated)} shown twice")
    assert sum(repeated) == 0 if death == "stop" else max(repeated) <= 7 * POLL * 1.3


def test_a_kill_between_showing_and_keeping_repeats_one_visit_and_loses_nothing(cloud: Azure) -> None:
    with streaming(cloud, 3) as (made, airflow, line, store, lines):
        store.content = lambda now: numbered(min(now, LIFE))
        first = made.triggerer()
        ask = line.ask

        def killing(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
            if method == "PATCH" and not first.process.ended and made.engine.now > 300.0:
                first.kill_here()
            return ask(method, url, headers, body)

        made.ask = killing  # type: ignore[method-assign,assignment]
        first.kill_here = first.process.die  # type: ignore[attr-defined]
        made.triggerer(delay=320.0)
        run(made, airflow)
        shown = of_log(lines.collect())
        assert list(dict.fromkeys(shown)) == written(store, made)
        assert 0 < len(shown) - len(set(shown)) <= 7 * POLL * 2


@pytest.mark.parametrize("since", [0.0, 400.0], ids=["from the beginning", "later"])
def test_a_hung_store_delays_the_news_of_a_jobs_end_by_seconds(
    cloud: Azure, count: list[str], since: float
) -> None:
    jobs = 30
    with streaming(cloud, 5, jobs) as (made, airflow, line, store, _):
        made.engine.call_at(since, lambda: setattr(store, "hangs", True))
        made.triggerer()
        run(made, airflow, jobs=jobs)
        assert len(airflow.events) == jobs
        polls = [moment for moment, _, path, _ in line.requests if path.endswith("/batchrundata")]
        seen = min(moment for moment in polls if moment >= LIFE) - LIFE
        last = max(moment for moment, _ in airflow.events.values()) - LIFE
        count.append(f"hung log store: end seen after {seen:.0f} s, last of {jobs} events after {last:.0f} s")
        assert seen <= POLL
        assert last <= 1.2 * POLL + LAST


def test_an_address_whose_signature_ends_is_asked_for_anew_and_nothing_is_lost(cloud: Azure) -> None:
    with streaming(cloud, 6) as (made, airflow, _, store, lines):
        store.signed_for, store.content = 100.0, lambda now: numbered(min(now, LIFE))
        made.triggerer()
        run(made, airflow)
        assert lines.collect() == written(store, made)


def test_a_log_that_is_begun_anew_is_shown_from_its_beginning(cloud: Azure) -> None:
    with streaming(cloud, 7) as (made, airflow, _, store, lines):
        store.content = lambda now: numbered(300.0 if now < 450.0 else 200.0).replace(
            b"line", b"line" if now < 450.0 else b"anew"
        )
        made.triggerer()
        run(made, airflow)
        first, second = numbered(300.0).decode(), numbered(200.0).decode().replace("line", "anew")
        expected = [*first.splitlines(), "(The log was begun anew.)", *second.splitlines()]
        assert lines.collect() == expected


def test_bytes_that_are_no_text_and_a_line_without_end_are_survived(cloud: Azure) -> None:
    with streaming(cloud, 8) as (made, airflow, _, store, lines):
        odd = b"\xff\xfe\x00\n" + b"x" * 300_000 + "é".encode() * 10 + b"\nlast, without an end"
        store.content = lambda now: odd
        made.triggerer()
        run(made, airflow)
        lines.collect()
        assert lines[0] == "\ufffd\ufffd\x00"
        assert "".join(lines[1:-1]) == "x" * 300_000 + "é" * 10
        assert lines[-1] == "last, without an end"


def test_the_logs_of_many_jobs_share_one_budget(cloud: Azure, count: list[str]) -> None:
    jobs = 400
    with streaming(cloud, 9, jobs) as (made, airflow, line, store, _):
        store.content = lambda now: b"" if now < 5.0 else b"a line\n" * int(now)
        made.triggerer()
        made.engine.run(until=150.0)
        per_second = len([moment for moment in store.visits if moment >= 60.0]) / 90.0
        batches = [moment for moment, _, path, _ in line.requests if path.endswith("/batchrundata")]
        rounds = len([moment for moment in batches if moment >= 60.0]) / (jobs / 100)
        count.append(
            f"logs of {jobs} jobs: {per_second:.1f} reads per second; {rounds:.1f} rounds of states in 90 s"
        )
        assert 5.0 <= per_second <= 11.0
        assert rounds >= 2.7
        assert airflow.failures == []
