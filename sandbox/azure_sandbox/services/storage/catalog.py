# SPDX-License-Identifier: Apache-2.0
"""The lake's index: accounts, containers and paths in SQLite.

Accounts and containers are few and asked for on every request, so they are kept in memory too.
Every method is one or a few statements; callers group them with :meth:`Catalog.atomic`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from azure_sandbox.kernel.clock import Clock
from azure_sandbox.kernel.store import Store
from azure_sandbox.services.storage.records import Account, Container, Entry, Settings

_SCHEMA = """
CREATE TABLE IF NOT EXISTS storage_account (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS storage_container (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL,
  modified REAL NOT NULL, metadata TEXT NOT NULL, UNIQUE (account, name));
CREATE TABLE IF NOT EXISTS storage_path (
  container INTEGER NOT NULL, path TEXT NOT NULL, parent TEXT NOT NULL, directory INTEGER NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, created REAL NOT NULL, modified REAL NOT NULL,
  data TEXT NOT NULL, kind TEXT NOT NULL, settings TEXT NOT NULL,
  PRIMARY KEY (container, path)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS storage_path_parent ON storage_path (container, parent, path);
CREATE TABLE IF NOT EXISTS storage_block (
  container INTEGER NOT NULL, path TEXT NOT NULL, block TEXT NOT NULL, data TEXT NOT NULL,
  size INTEGER NOT NULL, PRIMARY KEY (container, path, block)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS storage_extent (
  data TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
  PRIMARY KEY (data, start)) WITHOUT ROWID;
"""

_COLUMNS = "path, directory, size, etag, created, modified, data, kind, settings"
#: Sorts after every path below a directory: "/" is 0x2F and "0" is 0x30.
_AFTER_SLASH = "0"
_END = "\U0010ffff"
#: 100 ns ticks between year 1 and 1970: Azure's ETags are .NET ticks in hexadecimal.
_EPOCH_TICKS = 621_355_968_000_000_000


class Catalog:
    """Records in, records out. Used from the event loop's thread only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        store.migrate(_SCHEMA)
        self._store = store
        self._sql = store.connection
        self._clock = clock
        self._last_tick = 0
        self._accounts: dict[str, Account] = {}
        self._containers: dict[tuple[str, str], Container] = {}
        self._load()

    def _load(self) -> None:
        for (body,) in self._sql.execute("SELECT body FROM storage_account"):
            document = json.loads(body)
            pairs = {name: tuple(document.get(name, ())) for name in ("keys", "key_times")}
            account = Account(**{**document, **pairs})
            self._accounts[account.name] = account
        for row in self._sql.execute(
            "SELECT id, account, name, etag, modified, metadata FROM storage_container"
        ):
            container = self._container(*row)
            self._containers[container.account.name, container.name] = container

    def _container(
        self, key: int, account: str, name: str, etag: str, modified: float, metadata: str
    ) -> Container:
        owner = self._accounts[account]
        scope = f"{owner.resource_id}/blobServices/default/containers/{name}"
        return Container(key, owner, name, etag, modified, json.loads(metadata), scope)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All or nothing. Must not be held across an ``await``."""
        with self._store.transaction():
            yield

    def etag(self) -> str:
        """A new ETag without quotes, greater than every one before it, also across restarts."""
        now = int(self._clock.time() * 10_000_000) + _EPOCH_TICKS
        self._last_tick = max(self._last_tick + 1, now)
        return f"0x{self._last_tick:X}"

    # Accounts and containers

    def accounts(self) -> list[Account]:
        return sorted(self._accounts.values(), key=lambda account: account.name)

    def account(self, name: str) -> Account | None:
        return self._accounts.get(name.lower())

    def add_account(self, account: Account) -> None:
        self._sql.execute(
            "INSERT INTO storage_account VALUES (?, ?)", (account.name, json.dumps(asdict(account)))
        )
        self._accounts[account.name] = account

    def change_account(self, account: Account) -> None:
        self._sql.execute(
            "UPDATE storage_account SET body=? WHERE name=?", (json.dumps(asdict(account)), account.name)
        )
        self._accounts[account.name] = account
        for (owner, name), container in self._containers.items():
            if owner == account.name:
                self._containers[owner, name] = replace(container, account=account)

    def container(self, account: str, name: str) -> Container | None:
        return self._containers.get((account, name))

    def containers(self, account: str, prefix: str = "", after: str = "") -> list[Container]:
        found = [
            container
            for (owner, name), container in self._containers.items()
            if owner == account and name.startswith(prefix) and name > after
        ]
        return sorted(found, key=lambda container: container.name)

    def add_container(self, account: str, name: str, metadata: dict[str, str]) -> Container:
        values = (account, name, self.etag(), self._clock.time(), json.dumps(metadata))
        cursor = self._sql.execute(
            "INSERT INTO storage_container (account, name, etag, modified, metadata) VALUES (?, ?, ?, ?, ?)",
            values,
        )
        container = self._container(int(cursor.lastrowid or 0), *values)
        self._containers[account, name] = container
        return container

    def set_container_metadata(self, container: Container, metadata: dict[str, str]) -> Container:
        changed = replace(container, etag=self.etag(), modified=self._clock.time(), metadata=metadata)
        self._sql.execute(
            "UPDATE storage_container SET etag=?, modified=?, metadata=? WHERE id=?",
            (changed.etag, changed.modified, json.dumps(metadata), container.id),
        )
        self._containers[container.account.name, container.name] = changed
        return changed

    def remove_container(self, container: Container) -> list[str]:
        """Forget a container and all in it; the data files that nothing names any more."""
        with self.atomic():
            data = self._data_of("container=?", (container.id,))
            self._sql.execute("DELETE FROM storage_path WHERE container=?", (container.id,))
            self._sql.execute("DELETE FROM storage_block WHERE container=?", (container.id,))
            self._sql.execute("DELETE FROM storage_container WHERE id=?", (container.id,))
            self._forget_extents(data)
        del self._containers[container.account.name, container.name]
        return data

    # Paths

    def get(self, container: int, path: str) -> Entry | None:
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM storage_path WHERE container=? AND path=?",
            (container, path),
        ).fetchone()
        return _entry(row) if row else None

    def get_many(self, container: int, paths: list[str]) -> dict[str, Entry]:
        marks = ",".join("?" * len(paths))
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM storage_path WHERE container=? AND path IN ({marks})",
            (container, *paths),
        )
        return {row[0]: _entry(row) for row in rows}

    def put(self, container: int, entry: Entry) -> None:
        """Insert or replace."""
        self._sql.execute(
            "INSERT OR REPLACE INTO storage_path VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                container,
                entry.path,
                entry.path.rpartition("/")[0],
                entry.directory,
                entry.size,
                entry.etag,
                entry.created,
                entry.modified,
                entry.data,
                entry.kind,
                json.dumps(vars(entry.settings)),
            ),
        )

    def below(self, container: int, directory: str) -> bool:
        """Whether anything lies below a directory."""
        start, stop = _range_below(directory)
        row = self._sql.execute(
            "SELECT 1 FROM storage_path WHERE container=? AND path>? AND path<? LIMIT 1",
            (container, start, stop),
        ).fetchone()
        return row is not None

    def scan(self, container: int, prefix: str, after: str, limit: int) -> list[Entry]:
        """Paths with a prefix that sort after a text, in order."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM storage_path WHERE container=? AND path>=? AND path<? AND path>?"
            " ORDER BY path LIMIT ?",
            (container, prefix, prefix + _END, after, limit),
        )
        return [_entry(row) for row in rows]

    def children(self, container: int, parent: str, prefix: str, after: str, limit: int) -> list[Entry]:
        """What lies directly in a directory, has a prefix and sorts after a text, in order."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM storage_path WHERE container=? AND parent=? AND path>=? AND path<?"
            " AND path>? ORDER BY path LIMIT ?",
            (container, parent, prefix, prefix + _END, after, limit),
        )
        return [_entry(row) for row in rows]

    def remove(self, container: int, path: str) -> None:
        self._sql.execute("DELETE FROM storage_path WHERE container=? AND path=?", (container, path))
        self._sql.execute("DELETE FROM storage_block WHERE container=? AND path=?", (container, path))

    def remove_tree(self, container: int, directory: str) -> list[str]:
        """Forget a directory and all below it; the data files that nothing names any more."""
        start, stop = _range_below(directory)
        where, values = "container=? AND path>? AND path<?", (container, start, stop)
        data = self._data_of(where, values)
        self._sql.execute(f"DELETE FROM storage_path WHERE {where}", values)
        self._sql.execute(f"DELETE FROM storage_block WHERE {where}", values)
        self.remove(container, directory)
        self._forget_extents(data)
        return data

    def move_tree(self, source: int, old: str, target: int, new: str) -> None:
        """Rename all that lies below a directory, whatever its size, in one statement."""
        start, stop = _range_below(old)
        cut = len(old) + 1
        self._sql.execute(
            "UPDATE storage_path SET container=?, path=? || substr(path, ?), "
            "parent=? || substr(parent, ?) WHERE container=? AND path>? AND path<?",
            (target, new, cut, new, cut, source, start, stop),
        )

    def data_in_use(self) -> set[str]:
        """Every data file that a path or an uncommitted block names."""
        return set(self._data_of("1", ()))

    def _data_of(self, where: str, values: tuple[object, ...]) -> list[str]:
        rows = self._sql.execute(
            f"SELECT data FROM storage_path WHERE {where} UNION ALL"
            f" SELECT data FROM storage_block WHERE {where}",
            (*values, *values),
        )
        return [data for (data,) in rows if data]

    # Uncommitted blocks, and uncommitted appends

    def stage_block(self, container: int, path: str, block: str, data: str, size: int) -> str:
        """Keep an uncommitted block; the data file of the one it replaces, or ``""``."""
        old = self.staged_blocks(container, path).get(block, ("", 0))[0]
        self._sql.execute(
            "INSERT OR REPLACE INTO storage_block VALUES (?, ?, ?, ?, ?)",
            (container, path, block, data, size),
        )
        return old

    def staged_blocks(self, container: int, path: str) -> dict[str, tuple[str, int]]:
        """Uncommitted blocks of a path: id -> data file and length in bytes."""
        rows = self._sql.execute(
            "SELECT block, data, size FROM storage_block WHERE container=? AND path=?", (container, path)
        )
        return {block: (data, size) for block, data, size in rows}

    def drop_blocks(self, container: int, path: str) -> None:
        self._sql.execute("DELETE FROM storage_block WHERE container=? AND path=?", (container, path))

    def stage_extent(self, data: str, start: int, stop: int) -> None:
        self._sql.execute("INSERT OR REPLACE INTO storage_extent VALUES (?, ?, ?)", (data, start, stop))

    def staged_extents(self, data: str) -> list[tuple[int, int]]:
        """Uncommitted byte ranges of a data file, by start."""
        rows = self._sql.execute(
            "SELECT start, stop FROM storage_extent WHERE data=? ORDER BY start", (data,)
        )
        return rows.fetchall()

    def drop_extents(self, data: str) -> None:
        self._forget_extents([data])

    def _forget_extents(self, data: list[str]) -> None:
        self._sql.executemany("DELETE FROM storage_extent WHERE data=?", ((name,) for name in data))


def _range_below(directory: str) -> tuple[str, str]:
    return (f"{directory}/", f"{directory}{_AFTER_SLASH}") if directory else ("", _END)


def _entry(row: sqlite3.Row | tuple[object, ...]) -> Entry:
    path, directory, size, etag, created, modified, data, kind, settings = row
    document = json.loads(str(settings))
    document["blocks"] = [tuple(block) for block in document["blocks"]]
    return Entry(
        str(path),
        bool(directory),
        int(str(size)),
        str(etag),
        float(str(created)),
        float(str(modified)),
        str(data),
        str(kind),
        Settings(**document),
    )
