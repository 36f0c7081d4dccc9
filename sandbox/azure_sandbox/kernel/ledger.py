# SPDX-License-Identifier: Apache-2.0
"""What happened to the cloud's state, one row per effect, written where the effect is made.

Answers can be lost, replaced or late; the ledger cannot. Tests that ask "how many jobs were there?" ask
it. SQLite itself refuses to change or delete a row. No row holds a secret's value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, get_args

from azure_sandbox.kernel.clock import Clock
from azure_sandbox.kernel.store import Store

Kind = Literal["job", "role-assignment", "password", "secret", "model-version"]
KINDS: tuple[str, ...] = get_args(Kind)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ledger (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, effect TEXT NOT NULL,
    subject TEXT NOT NULL, object_id TEXT NOT NULL, request_id TEXT NOT NULL, "before" TEXT, "after" TEXT);
CREATE TRIGGER IF NOT EXISTS ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_no_delete BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True)
class Actor:
    """Who makes an effect: a principal's object id, and the ``x-ms-request-id`` of its request."""

    object_id: str = ""
    request_id: str = ""
    #: ids of the scenarios that the request belongs to
    scenarios: frozenset[str] = frozenset()


#: Nobody's request: the seed, or the platform (a job starts, a job ends).
PLATFORM = Actor()

#: Set by the request path once the caller may; tasks that outlive their request set PLATFORM.
acting: ContextVar[Actor] = ContextVar("acting", default=PLATFORM)


@dataclass(frozen=True)
class Effect:
    """One row. ``time`` is in seconds since the epoch; ``subject`` is the thing's id as Azure spells it."""

    sequence: int
    time: float
    kind: Kind
    effect: str
    subject: str
    object_id: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Ledger:
    """The append-only table of one cloud; used from the event loop's thread, as the store is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._connection = store.connection
        self._clock = clock
        store.migrate(_SCHEMA)

    def record(
        self,
        kind: Kind,
        effect: str,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        by: Actor | None = None,
        at: float | None = None,
    ) -> None:
        """Write a row, in the transaction that makes the change: both are there, or neither.

        :param effect: ``created``, ``updated``, ``cancel-requested``, ...
        :param before, after: the state in short; never a secret's value
        :param by: the caller of the request that is being answered, unless given
        :param at: when it was due, where that is not now
        :raises RuntimeError: outside of :meth:`azure_sandbox.kernel.store.Store.transaction`
        """
        if not self._connection.in_transaction:
            raise RuntimeError(f"{kind} {effect}: an effect is recorded in the transaction that makes it")
        actor = by or acting.get()
        states = (json.dumps(state) if state is not None else None for state in (before, after))
        self._connection.execute(
            'INSERT INTO ledger (time, kind, effect, subject, object_id, request_id, "before", "after")'
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                self._clock.time() if at is None else at,
                kind,
                effect,
                subject,
                actor.object_id,
                actor.request_id,
                *states,
            ),
        )

    def last(self) -> int:
        """The sequence number of the newest row; 0 where there is none."""
        (newest,) = self._connection.execute("SELECT max(sequence) FROM ledger").fetchone()
        return newest or 0

    def effects(self, since: int = 0, kind: str | None = None) -> list[Effect]:
        """Rows in the order of their making, from after the sequence number ``since``."""
        rows = self._connection.execute(
            'SELECT sequence, time, kind, effect, subject, object_id, request_id, "before", "after"'
            " FROM ledger WHERE sequence>? AND (? IS NULL OR kind=?) ORDER BY sequence",
            (since, kind, kind),
        )
        return [_effect(row) for row in rows]


def _effect(row: tuple[Any, ...]) -> Effect:
    *plain, before, after = row
    states = (json.loads(state) if state else None for state in (before, after))
    return Effect(*plain, *states)
