# SPDX-License-Identifier: Apache-2.0
"""What the chain gives away. Each mutation is one that a person with an editor could make."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_azureml.audit.chain import seal, unseal
from airflow_provider_azureml.audit.check import Remark, verify
from airflow_provider_azureml.audit.sink import Journal

Lines = list[bytes]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two writers' files of 20 events each."""
    for _ in range(2):
        journal = Journal(tmp_path / "log", sync=lambda descriptor: None)
        for number in range(20):
            journal.append({"kind": "intent", "event": str(number)})
    return tmp_path / "log"


def first_file(log: Path) -> Path:
    return sorted(log.glob("*/*.jsonl"))[0]


def second_file(log: Path) -> Path:
    return sorted(log.glob("*/*.jsonl"))[1]


def resealed(line: bytes, **changes: object) -> bytes:
    """A line with other members, and the hash that fits them."""
    return seal({**unseal(line[:-1])[0], **changes})[0]


def swap(lines: Lines, dice: random.Random) -> Lines:
    a, b = dice.sample(range(len(lines)), 2)
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def flip(lines: Lines, dice: random.Random) -> Lines:
    number = dice.randrange(len(lines))
    line = bytearray(lines[number])
    line[dice.randrange(len(line) - 1)] ^= 1 << dice.randrange(8)
    lines[number] = bytes(line)
    return lines


def delete(lines: Lines, dice: random.Random) -> Lines:
    del lines[dice.randrange(len(lines) - 1)]
    return lines


def duplicate(lines: Lines, dice: random.Random) -> Lines:
    number = dice.randrange(len(lines))
    return [*lines[: number + 1], *lines[number:]]


def insert(lines: Lines, dice: random.Random) -> Lines:
    number = dice.randrange(1, len(lines))
    forged = resealed(lines[number], event="forged")
    return [*lines[:number], forged, *lines[number:]]


def replace(lines: Lines, dice: random.Random) -> Lines:
    number = dice.randrange(len(lines) - 1)
    lines[number] = resealed(lines[number], event="forged")
    return lines


def cut_head(lines: Lines, dice: random.Random) -> Lines:
    return lines[dice.randrange(1, len(lines) - 1) :]


def cut_middle(lines: Lines, dice: random.Random) -> Lines:
    start = dice.randrange(1, len(lines) - 2)
    return [*lines[:start], *lines[dice.randrange(start + 1, len(lines)) :]]


MUTATIONS = (swap, flip, delete, duplicate, insert, replace, cut_head, cut_middle)


def test_an_untouched_log_is_whole(log: Path) -> None:
    report = verify(log)
    assert (report.files, report.records, report.problems, report.notes) == (2, 42, [], [])


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.__name__)
def test_every_change_is_found(log: Path, mutation: Callable[[Lines, random.Random], Lines]) -> None:
    path = first_file(log)
    original = path.read_bytes().splitlines(keepends=True)
    for seed in range(60):
        path.write_bytes(b"".join(mutation(list(original), random.Random(seed))))
        found = verify(log)
        assert [problem.file for problem in found.problems] == [path.relative_to(log).as_posix()], seed
        assert found.files == 2


def test_the_first_wrong_line_is_named(log: Path) -> None:
    path = first_file(log)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"event":"6"', b'"event":"9"')
    path.write_bytes(b"".join(lines))
    [problem] = verify(log).problems
    assert (problem.line, "its hash is not the hash" in problem.text) == (8, True)
    assert str(problem).startswith(f"{problem.file}:8: ")


def test_a_line_of_another_writer_is_found_although_it_is_sound(log: Path) -> None:
    path = first_file(log)
    lines = path.read_bytes().splitlines(keepends=True)
    other = second_file(log).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:5], other[5], *lines[6:]]))
    assert len(verify(log).problems) == 1


@pytest.mark.parametrize("place", ["2020-01-01/{name}", "{day}/copy-{name}"])
def test_a_file_that_was_copied_or_moved_is_found(log: Path, place: str) -> None:
    path = first_file(log)
    target = log / place.format(name=path.name, day=path.parent.name)
    target.parent.mkdir(exist_ok=True)
    shutil.copy(path, target)
    assert [problem.line for problem in verify(log).problems] == [1]


def test_a_torn_last_line_is_a_note_and_no_problem(log: Path) -> None:
    path = first_file(log)
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last + 1, len(content)):
        path.write_bytes(content[:end])
        report = verify(log)
        assert report.problems == []
        assert [note.line for note in report.notes] == [21]
        assert report.records == 41


def test_an_emptied_file_is_a_note(log: Path) -> None:
    first_file(log).write_bytes(b"")
    assert [note.line for note in verify(log).notes] == [0]
    assert str(Remark("a", 0, "empty")) == "a: empty"


def test_a_shortened_last_file_is_not_found_and_the_page_says_so(log: Path) -> None:
    """Nobody can find it without a copy elsewhere: docs/how-to/audit.md."""
    path = first_file(log)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:10]))
    assert verify(log).problems == []
    assert "last lines" in (Path(__file__).parents[3] / "docs" / "how-to" / "audit.md").read_text()


def test_checking_is_fast_enough_for_years(tmp_path: Path) -> None:
    import time

    journal = Journal(tmp_path, sync=lambda descriptor: None)
    for number in range(5000):
        journal.append({"kind": "intent", "event": str(number), "resource": "x" * 400})
    began = time.process_time()
    assert verify(tmp_path).records == 5001
    assert (time.process_time() - began) < 1.0
