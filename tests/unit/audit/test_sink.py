# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.audit.check import verify
from airflow_provider_azureml.audit.sink import Journal, journal_in

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Disk:
    """`os.write` and `os.fsync` that fail, or write half, when told so."""

    def __init__(self) -> None:
        self.write_error = self.sync_error = 0
        self.room = 1 << 30

    def write(self, descriptor: int, data: bytes) -> int:
        if self.write_error or not self.room:
            raise OSError(self.write_error or errno.ENOSPC, "No space left on device")
        done = os.write(descriptor, data[: self.room])
        self.room -= done
        return done

    def sync(self, descriptor: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, "Input/output error")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(folder.glob("*/*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def is_whole(folder: Path) -> bool:
    return not verify(folder).problems


def test_records_are_chained_in_a_file_of_the_writer_and_day(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "folder", Clock())
    for number in range(3):
        journal.append({"kind": "intent", "number": number})
    [path] = (tmp_path / "new" / "folder").glob("*/*.jsonl")
    assert path.parent.name == "2026-03-01"
    assert f"-{os.getpid()}-" in path.name
    assert path.stat().st_mode & 0o007 == 0
    found = lines(tmp_path / "new" / "folder")
    assert [record["seq"] for record in found] == [0, 1, 2, 3]
    assert [record["prev"] for record in found[1:]] == [record["hash"] for record in found[:-1]]
    assert found[1]["time"] == "2026-03-01T12:00:00.000+00:00"
    assert is_whole(tmp_path / "new" / "folder")


def test_a_new_day_is_a_new_file_that_names_the_end_of_the_old_one(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock)
    journal.append({"kind": "intent"})
    clock.now += timedelta(days=1)
    journal.append({"kind": "outcome"})
    old, new = sorted(tmp_path.glob("*/*.jsonl"))
    head = json.loads(new.read_text().splitlines()[0])
    assert head["previous"]["file"] == f"2026-03-01/{old.name}"
    assert is_whole(tmp_path)
    old.write_text(old.read_text().splitlines(keepends=True)[0])
    assert [problem.file for problem in verify(tmp_path).problems] == [f"2026-03-01/{old.name}"]


def test_a_clock_that_goes_back_breaks_nothing(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, clock)
    for hours in (0, -1, -13, 1, 24):
        clock.now = NOON + timedelta(hours=hours)
        journal.append({"kind": "intent"})
    assert is_whole(tmp_path)
    assert len(lines(tmp_path)) == 5 + 4


def test_a_full_disk_is_an_error_and_leaves_no_half_line(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, Clock(), disk.write, disk.sync)
    journal.append({"kind": "intent"})
    for room in range(0, 200, 7):
        disk.room = room
        with pytest.raises(OSError, match="No space"):
            journal.append({"kind": "intent", "text": "x" * 100})
    disk.room = 1 << 30
    journal.append({"kind": "outcome"})
    assert [record["kind"] for record in lines(tmp_path)] == ["open", "intent", "outcome"]
    assert verify(tmp_path).notes == []
    assert is_whole(tmp_path)


def test_after_a_failed_sync_nobody_trusts_the_file_any_more(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, Clock(), disk.write, disk.sync)
    journal.append({"kind": "intent"})
    disk.sync_error = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        journal.append({"kind": "intent"})
    disk.sync_error = 0
    journal.append({"kind": "intent"})
    assert len(list(tmp_path.glob("*/*.jsonl"))) == 2
    assert is_whole(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file" / "below").append({})


def test_a_file_that_somebody_deleted_swallows_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, Clock())
    journal.append({"kind": "intent"})
    [path] = tmp_path.glob("*/*.jsonl")
    path.unlink()
    journal.append({"kind": "outcome"})
    assert [record["kind"] for record in lines(tmp_path)] == ["open", "outcome"]
    assert [note.text for note in verify(tmp_path).notes if "is not there" in note.text]


def test_threads_share_one_chain(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    def work() -> None:
        for _ in range(25):
            journal.append({"kind": "intent"})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record["seq"] for record in lines(tmp_path)] == list(range(201))
    assert is_whole(tmp_path)


def in_child(work: Callable[[], None]) -> int:
    """The exit status of a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_a_writer_of_its_own(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.append({"kind": "intent"})
    with journal._writing:  # as if another thread were writing when the process forked
        assert in_child(lambda: journal.append({"kind": "outcome"})) == 0
    journal.append({"kind": "intent"})
    assert len({record["writer"] for record in lines(tmp_path)}) == 2
    assert len(lines(tmp_path)) == 5
    assert is_whole(tmp_path)


def test_a_signal_handler_in_the_middle_of_an_append_writes_elsewhere(tmp_path: Path) -> None:
    raised: list[int] = []

    def write(descriptor: int, data: bytes) -> int:
        if len(raised) == 1:
            raised.append(2)
            os.kill(os.getpid(), signal.SIGUSR1)
        return os.write(descriptor, data)

    journal = Journal(tmp_path, write=write)

    def handler(*_: object) -> None:
        journal.append({"kind": "intent", "event": "cancel"})
        journal.append({"kind": "outcome", "event": "cancel"})

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        journal.append({"kind": "intent", "event": "first"})
        raised.append(1)
        journal.append({"kind": "outcome", "event": "first"})
    finally:
        signal.signal(signal.SIGUSR1, before)
    chains: dict[str, list[str]] = {}
    for record in lines(tmp_path):
        chains.setdefault(record["writer"], []).append(record.get("event", "-"))
    assert sorted(chains.values()) == [["-", "cancel", "cancel"], ["-", "first", "first"]]
    assert is_whole(tmp_path)


def test_one_process_has_one_journal_per_folder(tmp_path: Path) -> None:
    assert journal_in(tmp_path) is journal_in(tmp_path)
    assert journal_in(tmp_path) is not journal_in(tmp_path / "other")


def test_a_closed_journal_goes_on_in_another_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"kind": "intent"})
    journal.close()
    journal.append({"kind": "intent"})
    assert len(list(tmp_path.glob("*/*.jsonl"))) == 2
