# SPDX-License-Identifier: Apache-2.0
"""State that survives a restart: one SQLite file, JSON documents in named collections.

Services with data of another shape (the lake's paths) add their own tables through
:meth:`Store.migrate` and use :attr:`Store.connection` directly.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """The sandbox's database. Used from the event loop's thread only.

    :param path: SQLite file, or ``":memory:"`` for a cloud that forgets
    """

    def __init__(self, path: Path | str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # WAL with synchronous=OFF survives a killed process, which is what the sandbox promises;
        # it does not survive a power cut, and need not.
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=OFF")
        self.migrate(
            "CREATE TABLE IF NOT EXISTS document (collection TEXT, key TEXT, body TEXT NOT NULL,"
            " PRIMARY KEY (collection, key)) WITHOUT ROWID"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within it, or none of them; one within another belongs to the outer one.

        Nothing may be awaited in it: the connection is everybody's.
        """
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def migrate(self, schema: str) -> None:
        """Run idempotent DDL (``CREATE TABLE IF NOT EXISTS ...``)."""
        self.connection.executescript(schema)

    def collection(self, name: str) -> Collection:
        return Collection(self.connection, name)

    def close(self) -> None:
        self.connection.close()


class Collection:
    """Documents by key. Keys sort as text; callers lower-case what Azure compares without case."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def get(self, key: str) -> Document | None:
        row = self._connection.execute(
            "SELECT body FROM document WHERE collection=? AND key=?", (self.name, key)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, document: Document) -> None:
        self._connection.execute(
            "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body=excluded.body",
            (self.name, key, json.dumps(document)),
        )

    def insert(self, key: str, document: Document) -> bool:
        """Store a new document; False (and no change) where the key exists."""
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO document VALUES (?, ?, ?)", (self.name, key, json.dumps(document))
        )
        return cursor.rowcount == 1

    def delete(self, key: str) -> bool:
        cursor = self._connection.execute(
            "DELETE FROM document WHERE collection=? AND key=?", (self.name, key)
        )
        return cursor.rowcount == 1

    def scan(self, prefix: str = "") -> Iterator[tuple[str, Document]]:
        """All documents whose key starts with the prefix, in key order."""
        rows = self._connection.execute(
            "SELECT key, body FROM document WHERE collection=? AND key>=? AND key<? ORDER BY key",
            (self.name, prefix, prefix + "\U0010ffff"),
        ).fetchall()
        for key, body in rows:
            yield key, json.loads(body)

    def values(self, prefix: str = "") -> list[Document]:
        return [document for _, document in self.scan(prefix)]
