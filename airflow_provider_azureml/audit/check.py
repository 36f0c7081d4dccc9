# SPDX-License-Identifier: Apache-2.0
"""Whether the files are as they were written.

Found: a line that was changed, removed, inserted, doubled, moved or taken from elsewhere; a file whose
first lines are gone, that was renamed or copied; a shortened file that a later one of its writer names.
Not to be found by the files alone: the last lines of a writer's last file, whole writers, and a chain that
somebody wrote anew from the start. Keep copies where the writers cannot change them (docs: how-to/audit.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit.chain import OPEN, BrokenLine, unseal

PATTERN = "*/*.jsonl"


@dataclass(frozen=True)
class Remark:
    """Something about a file. `line` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass
class Report:
    """What a check found: `problems` are tampering or damage, `notes` are not."""

    files: int = 0
    records: int = 0
    problems: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class _End:
    lines: int
    head: str


def verify(folder: Path) -> Report:
    """Check every file below a folder. Raises OSError when one cannot be read."""
    report, ends, links = Report(), dict[str, _End](), list[tuple[str, Any]]()
    for path in sorted(folder.glob(PATTERN)):
        name = path.relative_to(folder).as_posix()
        report.files += 1
        for number, record, digest in _checked(path, name, report):
            report.records += 1
            ends[name] = _End(number, digest)
            if "previous" in record:
                links.append((name, record["previous"]))
    broken = {problem.file for problem in report.problems}
    for name, link in links:
        _follow(name, link, ends, broken, report)
    return report


def _checked(path: Path, name: str, report: Report) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The sound lines of a file up to the first broken one."""
    head, number = "", 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                text = f"torn: {len(line)} bytes of a line that was never finished; its writer died, or the disk was full"
                report.notes.append(Remark(name, number, text))
                return
            try:
                record, digest = unseal(line[:-1])
                _must_follow(record, number - 1, head, path)
            except BrokenLine as error:
                report.problems.append(Remark(name, number, f"{error}; the rest of this file is not checked"))
                return
            yield number, record, digest
            head = digest
    if not number:
        report.notes.append(Remark(name, 0, "empty: its writer died at once, or the file was emptied"))


def _must_follow(record: dict[str, Any], seq: int, head: str, path: Path) -> None:
    """Raise BrokenLine unless the record stands where its writer put it."""
    if record.get("seq") != seq:
        raise BrokenLine(f"record {record.get('seq')} stands where record {seq} should")
    if record.get("prev") != head:
        raise BrokenLine("it does not follow the line before it")
    if record.get("writer") != path.stem:
        raise BrokenLine(f"it was written into the file of {record.get('writer')}")
    if (record.get("kind") == OPEN) != (seq == 0):
        raise BrokenLine("the first line opens a file, and no other")
    if seq == 0 and record.get("day") != path.parent.name:
        raise BrokenLine(f"the file belongs to day {record.get('day')}")


def _follow(name: str, link: Any, ends: dict[str, _End], broken: set[str], report: Report) -> None:
    """Compare the end of the writer's file before this one with what this one says of it."""
    before, lines, head = link["file"], link["lines"], link["hash"]
    if before in broken:
        return
    end = ends.get(before)
    if end is None:
        text = f"its writer's file before it, {before}, is not there: removed, by retention or by somebody"
        report.notes.append(Remark(name, 1, text))
    elif end != _End(lines, head):
        text = f"ends after {end.lines} lines; its writer wrote {lines}"
        report.problems.append(Remark(before, end.lines, text))
