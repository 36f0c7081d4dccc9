# SPDX-License-Identifier: Apache-2.0
"""Which requests a rule strikes, and which rules are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.kernel.checks import InvalidRule
from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.fault_rules import Asked, parse
from azure_sandbox.kernel.faults import Faults
from azure_sandbox.kernel.ledger import Ledger
from azure_sandbox.kernel.scenarios import Scenarios
from azure_sandbox.kernel.store import Store

RESET: dict[str, Any] = {"match": {}, "phase": "before", "action": {"reset": True}}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    store = Store(tmp_path / "state.sqlite3")
    yield Ledger(store, ManualClock())
    store.close()


@pytest.fixture
def faults(ledger: Ledger) -> Faults:
    return Faults(ledger, Scenarios())


def record(ledger: Ledger, kind: Any, effect: str, subject: str) -> None:
    with ledger.store.transaction():
        ledger.record(kind, effect, subject)


def struck(faults: Faults, *requests: Asked) -> list[bool]:
    return [faults.strike(request) is not None for request in requests]


def get(path: str = "/x", host: str = "management.azure.com", who: str = "me") -> Asked:
    return Asked("GET", host, path, who)


def test_a_rule_strikes_once_unless_it_says_more(faults: Faults) -> None:
    faults.add(RESET)
    assert struck(faults, get(), get()) == [True, False]


def test_nth_and_count_pick_the_requests_that_are_struck(faults: Faults) -> None:
    rule = faults.add({**RESET, "match": {"nth": 2, "count": 2}})
    assert struck(faults, *[get()] * 5) == [False, True, True, False, False]
    assert (rule.seen, rule.struck) == (5, 2)


def test_without_a_limit_a_rule_strikes_until_it_is_deleted(faults: Faults) -> None:
    faults.add({**RESET, "match": {"count": None}})
    assert struck(faults, *[get()] * 50) == [True] * 50
    faults.clear()
    assert struck(faults, get()) == [False]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"method": "get"}, True),
        ({"method": "PUT"}, False),
        ({"host": "*.Azure.com"}, True),
        ({"host": "*.azure.net"}, False),
        ({"path": r"/jobs/[a-z]+$"}, True),
        ({"path": r"^/jobs"}, False),
        ({"object_id": "ME"}, True),
        ({"object_id": "you"}, False),
        ({"method": "GET", "path": "jobs", "object_id": "you"}, False),
    ],
)
def test_every_member_of_a_match_must_fit(faults: Faults, match: dict[str, Any], expected: bool) -> None:
    rule = faults.add({**RESET, "match": match})
    assert struck(faults, get("/ws/jobs/train")) == [expected]
    assert rule.seen == int(expected)


def test_of_two_rules_that_are_due_the_older_strikes_and_both_count(faults: Faults) -> None:
    older, newer = faults.add({**RESET, "match": {"count": None}}), faults.add({**RESET, "match": {"nth": 2}})
    assert [faults.strike(get()) for _ in range(2)] == [older, older]
    assert (newer.seen, newer.struck) == (2, 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"phase": "later"}, "phase must be one of before, after, mid_body, not 'later'"),
        ({"phase": ["before"]}, "phase must be one of"),
        ({"color": 1}, "the rule has no member 'color'"),
        ({"match": None}, "match must be an object"),
        ({"match": {"hots": "x"}}, "match has no member 'hots'; it may have after_event, count, host,"),
        ({"match": {"path": "("}}, "match.path is no regular expression"),
        ({"match": {"path": "a{99999999999}"}}, "match.path is no regular expression"),
        ({"match": {"path": "(" * 5000}}, "match.path is no regular expression"),
        ({"match": {"path": 1}}, "match.path must be a text"),
        ({"match": {"method": ""}}, "match.method must be a text"),
        ({"match": {"nth": 0}}, "match.nth must be a whole number from 1"),
        ({"match": {"nth": True}}, "match.nth must be a whole number"),
        ({"match": {"count": 1.5}}, "match.count must be a whole number"),
        ({"action": []}, "action must be an object"),
        ({"action": {}}, "action must have exactly one of status, reset, stall_seconds, truncate"),
        ({"action": {"status": 500, "reset": True}}, "action must have exactly one"),
        ({"action": {"status": 99}}, "action.status must be a whole number from 200 to 599"),
        ({"action": {"status": "500"}}, "action.status must be"),
        ({"action": {"status": 204, "body": "x"}}, "an answer with status 204 has none"),
        ({"action": {"status": 500, "headers": {"a": "b\r\nc: d"}}}, "action.headers must be"),
        ({"action": {"status": 500, "headers": {"Content-Length": "5"}}}, "action.headers must be"),
        ({"action": {"status": 500, "headers": []}}, "action.headers must be"),
        ({"action": {"reset": False}}, "action.reset must be true"),
        ({"action": {"reset": True, "body": "x"}}, "action has no member 'body'"),
        ({"action": {"stall_seconds": -1}}, "action.stall_seconds must be a number from 0 to 600"),
        ({"action": {"stall_seconds": 601}}, "action.stall_seconds must be a number"),
        ({"action": {"truncate": -1}}, "action.truncate must be a whole number"),
        ({"action": {"truncate": 5}}, "action truncate cannot be had in phase before"),
        ({"action": {"garble": 1}}, "action garble cannot be had in phase before"),
        ({"phase": "after", "action": {"garble": 0}}, "action.garble must be a whole number from 1"),
        ({"action": {"redirect": "https://x\r\n"}}, "action.redirect must be"),
        ({"action": {"dns_fail": 1}}, "action.dns_fail must be true"),
        ({"action": {"dns_fail": True}, "match": {"path": "x"}}, "match has no member 'path'"),
        ({"action": {"dns_fail": True}, "scenario": "x"}, "scenario: who connects"),
        ({"prob": 2}, "prob must be a number from 0 to 1"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"match": {"after_event": {}}}, "match.after_event.ledger must be an object"),
        (
            {"match": {"after_event": {"ledger": {"kind": "x", "effect": "y"}}}},
            "after_event.ledger.kind must be",
        ),
        ({"match": {"after_event": {"ledger": {"kind": "job"}}}}, "after_event.ledger.effect must be a text"),
        ({"phase": "mid_body", "action": {"status": 500}}, "action status cannot be had in phase mid_body"),
    ],
)
def test_a_malformed_rule_is_refused_by_the_member_that_is_wrong(change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        parse({**RESET, **change})
    assert text in str(caught.value)


def test_a_chance_is_the_same_for_the_same_seed(faults: Faults) -> None:
    def pattern(seed: int) -> list[bool]:
        faults.clear()
        faults.add({**RESET, "match": {"count": None}, "prob": 0.3, "seed": seed})
        return struck(faults, *[get()] * 200)

    assert pattern(1) == pattern(1) != pattern(2)
    assert 30 <= pattern(1).count(True) <= 90


def test_a_rule_sleeps_until_its_event_stands_in_the_ledger(faults: Faults, ledger: Ledger) -> None:
    record(ledger, "job", "created", "/ws/jobs/a")
    event = {"ledger": {"kind": "job", "effect": "created", "subject": "/a$"}}
    rule = faults.add({**RESET, "match": {"after_event": event}})
    assert struck(faults, get(), get()) == [False, False]
    record(ledger, "job", "created", "/ws/jobs/b")
    record(ledger, "job", "ended", "/ws/jobs/a")
    assert (struck(faults, get()), rule.seen) == ([False], 0)
    record(ledger, "job", "created", "/ws/jobs/a")
    assert (struck(faults, get(), get()), rule.seen) == ([True, False], 2)


def test_a_rule_about_names_strikes_connections_and_no_requests(faults: Faults) -> None:
    faults.add({"match": {"host": "*.azure.com"}, "phase": "before", "action": {"dns_fail": True}})
    assert struck(faults, get()) == [False]
    assert faults.strike_connection("graph.microsoft.com") is None
    assert [faults.strike_connection("management.azure.com") is None for _ in range(2)] == [False, True]


def test_a_rule_of_an_unknown_scenario_is_refused(faults: Faults) -> None:
    with pytest.raises(InvalidRule, match="scenario must be the id of a scenario"):
        faults.add({**RESET, "scenario": "nothing"})
    assert faults.rules == []
