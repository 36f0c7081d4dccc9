# SPDX-License-Identifier: Apache-2.0
"""The table of effects: what a row holds, and that no row ever changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.ledger import PLATFORM, Actor, Ledger, acting
from azure_sandbox.kernel.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state.sqlite3")


def test_a_row_says_when_who_and_what(store: Store) -> None:
    ledger = Ledger(store, ManualClock(1000.0))
    token = acting.set(Actor("someone", "request-1"))
    try:
        with store.transaction():
            ledger.record("job", "created", "/ws/jobs/a", after={"status": "NotStarted"})
            ledger.record("job", "ended", "/ws/jobs/a", before={"status": "Running"}, by=PLATFORM)
    finally:
        acting.reset(token)
    created, ended = ledger.effects()
    assert (created.time, created.object_id, created.request_id) == (1000.0, "someone", "request-1")
    assert (created.before, created.after) == (None, {"status": "NotStarted"})
    assert (ended.object_id, ended.before, ended.after) == ("", {"status": "Running"}, None)
    store.close()


def test_since_and_kind_narrow_what_is_read(store: Store) -> None:
    ledger = Ledger(store, ManualClock())
    with store.transaction():
        for kind in ("job", "secret", "job"):
            ledger.record(kind, "created", "x")  # type: ignore[arg-type]
    assert [row.sequence for row in ledger.effects()] == [1, 2, 3]
    assert [row.sequence for row in ledger.effects(kind="job")] == [1, 3]
    assert [row.sequence for row in ledger.effects(since=1, kind="job")] == [3]
    store.close()


@pytest.mark.parametrize("statement", ["DELETE FROM ledger", "UPDATE ledger SET effect='other'"])
def test_the_database_itself_refuses_to_change_a_row(store: Store, statement: str) -> None:
    ledger = Ledger(store, ManualClock())
    with store.transaction():
        ledger.record("job", "created", "x")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.connection.execute(statement)
    assert [row.effect for row in ledger.effects()] == ["created"]
    store.close()


def test_the_ledger_survives_a_restart(store: Store, tmp_path: Path) -> None:
    ledger = Ledger(store, ManualClock())
    with store.transaction():
        ledger.record("job", "created", "x")
    store.close()
    again = Store(tmp_path / "state.sqlite3")
    ledger = Ledger(again, ManualClock())
    with again.transaction():
        ledger.record("job", "deleted", "x")
    assert [row.sequence for row in ledger.effects()] == [1, 2]
    again.close()


def test_an_effect_outside_of_a_transaction_is_refused(store: Store) -> None:
    ledger = Ledger(store, ManualClock())
    with pytest.raises(RuntimeError, match="job created: an effect is recorded in the transaction"):
        ledger.record("job", "created", "x")
    assert ledger.effects() == []
    store.close()


def test_of_a_transaction_that_fails_nothing_stays_and_an_inner_one_belongs_to_the_outer(
    store: Store,
) -> None:
    ledger, documents = Ledger(store, ManualClock()), store.collection("c")

    def change() -> None:
        with store.transaction():
            with store.transaction():
                documents.put("key", {})
                ledger.record("job", "created", "x")
            raise KeyError("too late")

    with pytest.raises(KeyError, match="too late"):
        change()
    assert (documents.get("key"), ledger.effects()) == (None, [])
    store.close()
