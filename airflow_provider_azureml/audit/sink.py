# SPDX-License-Identifier: Apache-2.0
"""The file: one per writer (process) and day, chained, on disk before `append` returns.

`FOLDER/YYYY-MM-DD/HOST-PID-RANDOM.jsonl`. Each file is written by one process only, so that no lock
between processes is needed. A forked child is a writer of its own.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit.chain import OPEN, seal

FORMAT = 1
PATIENCE = 0.3
"""Seconds for which a record waits for others: a killed worker has five."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(eq=False)
class _File:
    """Closed when the last thread that uses it has let go of it: numbers of descriptors are reused."""

    descriptor: int
    path: Path
    writer: str
    day: str
    size: int = 0
    count: int = 0
    head: str = ""
    synced: int = 0
    is_broken: bool = False

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self.descriptor)


class Journal:
    """Appends records to this process's file.

    :param folder: of the whole log; made when it is not there.
    :param clock: the time, with a zone; the day is UTC's.
    :param write: as `os.write`.
    :param sync: as `os.fsync`.
    """

    _file: _File | None
    _other: Journal | None

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], datetime] = _now,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        self.folder = folder
        self._clock, self._os_write, self._os_sync = clock, write, sync
        self._anew()
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _after_fork(this))

    def append(self, content: Mapping[str, Any]) -> None:
        """Write a record, and return once it is on disk. Raises OSError: then nobody may rely on it.

        A signal handler may interrupt a thread in the middle of this, and wait for a record of its own
        (the cancel of SIGTERM): after `PATIENCE` that one goes to another file.
        """
        if not self._writing.acquire(timeout=PATIENCE):
            self._other = self._other or Journal(self.folder, self._clock, self._os_write, self._os_sync)
            self._other.append(content)
            return
        try:
            file = self._current()
            number = self._put(file, content)
        finally:
            self._writing.release()
        self._sync(file, number)

    def close(self) -> None:
        """Let go of the file; the next record opens another."""
        with self._writing:
            self._file = None

    def _anew(self) -> None:
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._file = None
        self._other = None

    def _current(self) -> _File:
        """The file of this day. A file that somebody deleted would swallow records: it is left."""
        day = self._clock().strftime("%Y-%m-%d")
        file = self._file
        if file and file.day == day and os.fstat(file.descriptor).st_nlink:
            return file
        if file:
            self._finish(file)
        self._file = self._open(day, file)
        return self._file

    def _finish(self, file: _File) -> None:
        """Leave a file whole: the next one names its last line."""
        self._os_sync(file.descriptor)
        file.synced = file.count
        self._file = None

    def _open(self, day: str, before: _File | None) -> _File:
        folder = self.folder / day
        folder.mkdir(parents=True, exist_ok=True)
        host = re.sub(r"[^A-Za-z0-9.]+", "-", socket.gethostname())[:60]
        writer = f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
        path = folder / f"{writer}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        file = _File(os.open(path, flags, 0o640), path, writer, day)
        previous = {"previous": _link(before)} if before else {}
        self._put(file, {"kind": OPEN, "format": FORMAT, "day": day, **previous})
        _sync_folder(folder)
        return file

    def _put(self, file: _File, content: Mapping[str, Any]) -> int:
        """Write one line, whole or not at all; returns how many lines there are now."""
        time = self._clock().isoformat(timespec="milliseconds")
        record = {"writer": file.writer, "seq": file.count, "time": time, **content, "prev": file.head}
        line, head = seal(record)
        try:
            self._write_all(file.descriptor, line)
        except OSError:
            self._take_back(file)
            raise
        file.size, file.count, file.head = file.size + len(line), file.count + 1, head
        return file.count

    def _write_all(self, descriptor: int, line: bytes) -> None:
        left = line
        while left:
            left = left[self._os_write(descriptor, left) :]

    def _take_back(self, file: _File) -> None:
        """Remove half a line; where that fails too, nothing more is appended to it."""
        try:
            os.ftruncate(file.descriptor, file.size)
        except OSError:
            self._abandon(file)

    def _sync(self, file: _File, number: int) -> None:
        """One sync serves all who wrote before it began; after `PATIENCE` everybody syncs for himself."""
        mine = self._syncing.acquire(timeout=PATIENCE)
        try:
            if file.synced >= number:
                return
            if file.is_broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(file.path))
            reached = file.count
            self._os_sync(file.descriptor)
            file.synced = max(file.synced, reached)
        except OSError:
            self._abandon(file)  # what the disk holds now is not known
            raise
        finally:
            if mine:
                self._syncing.release()

    def _abandon(self, file: _File) -> None:
        file.is_broken = True
        if self._file is file:
            self._file = None


def _after_fork(this: weakref.ref[Journal]) -> None:
    journal = this()
    if journal is not None:
        journal._anew()  # locks may be held by threads that are gone; the file is the parent's


def _link(before: _File) -> dict[str, Any]:
    return {"file": f"{before.day}/{before.path.name}", "lines": before.count, "hash": before.head}


def _sync_folder(folder: Path) -> None:
    """Make the new file's name last. Not every file system can (SMB answers EINVAL)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


_JOURNALS: dict[Path, Journal] = {}


def journal_in(folder: Path) -> Journal:
    """This process's journal in a folder: all hooks share one file."""
    if folder not in _JOURNALS:
        _JOURNALS.setdefault(folder, Journal(folder))
    return _JOURNALS[folder]
