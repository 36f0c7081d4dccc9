# SPDX-License-Identifier: Apache-2.0
"""The last refusal of each task, from the files of the audit log: what the page shows beside its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit.chain import BrokenLine, unseal
from airflow_provider_azureml.audit.check import PATTERN
from airflow_provider_azureml.audit.event import DIAGNOSIS, INTENT, OUTCOME, REFUSED

BUDGET = 64 << 20
"""Bytes that one look may read; the newest files come first."""
_MARKS = (b'"action":"diagnosis"', b'"result":"refused"')
Task = tuple[str, str]
"""Ids of a DAG and of a task in it."""


@dataclass(frozen=True)
class Denial:
    """A request that was refused, or a diagnosis. Empty text means "not known"."""

    time: str
    run_id: str
    try_number: int
    connection: str
    action: str = ""
    resource: str = ""
    answer: str = ""
    plane: str = ""
    cause: str = ""
    mend: str = ""


@dataclass
class Look:
    """What a look into the log found; `since` is the oldest day that was read whole, empty for none."""

    found: dict[Task, Denial]
    since: str = ""
    is_cut: bool = False


class Denials:
    """Remembers files by their size: they only grow, and most never again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, dict[Task, Denial]]] = {}

    def look(self, folder: Path, budget: int = BUDGET) -> Look:
        """The newest denial of each task. Raises OSError."""
        look = Look({})
        paths = sorted(folder.glob(PATTERN), key=lambda path: path.parent.name, reverse=True)
        for path in paths:
            size = path.stat().st_size
            known = self._known.get(path)
            if known is None or known[0] != size:
                budget -= size
                if budget < 0:
                    look.is_cut = True
                    break
                known = self._known[path] = (size, dict(_newest(path)))
            look.since = path.parent.name
            _merge(look.found, known[1])
        self._known = {path: self._known[path] for path in paths if path in self._known}
        return look


def _merge(into: dict[Task, Denial], found: Mapping[Task, Denial]) -> None:
    for task, denial in found.items():
        if task not in into or into[task].time <= denial.time:
            into[task] = denial


def _newest(path: Path) -> dict[Task, Denial]:
    """A diagnosis takes the place of the refusal that it explains: it comes right after it."""
    content = path.read_bytes()
    found: dict[Task, Denial] = {}
    if not any(mark in content for mark in _MARKS):
        return found
    intents: dict[str, dict[str, Any]] = {}
    for record in _records(content):
        kind = record.get("kind")
        if kind == INTENT and record.get("action") == DIAGNOSIS:
            _put(found, record, _diagnosed(record, found.get(_task(record))))
        elif kind == INTENT:
            intents[str(record.get("event"))] = record
        elif kind == OUTCOME and record.get("result") == REFUSED:
            intent = intents.get(str(record.get("event")))
            if intent:
                _put(found, intent, _refused(intent, record))
    return found


def _put(found: dict[Task, Denial], record: Mapping[str, Any], denial: Denial) -> None:
    if record.get("task"):
        found[_task(record)] = denial


def _task(record: Mapping[str, Any]) -> Task:
    task = record.get("task") or {}
    return str(task.get("dag_id", "")), str(task.get("task_id", ""))


def _base(record: Mapping[str, Any]) -> dict[str, Any]:
    task = record.get("task") or {}
    return {
        "time": str(record.get("time", "")),
        "run_id": str(task.get("run_id", "")),
        "try_number": int(task.get("try_number", 0)),
        "connection": str(record.get("connection", "")),
    }


def _refused(intent: Mapping[str, Any], outcome: Mapping[str, Any]) -> Denial:
    words = (str(outcome.get("status") or ""), str(outcome.get("code", "")))
    about: dict[str, Any] = {**_base(intent), "time": str(outcome.get("time", ""))}
    return Denial(
        **about,
        action=str(intent.get("action", "")),
        resource=str(intent.get("resource", "")),
        answer=" ".join(filter(None, words)),
    )


def _diagnosed(record: Mapping[str, Any], before: Denial | None) -> Denial:
    detail = record.get("detail") or {}
    told: dict[str, Any] = {name: str(detail.get(name, "")) for name in ("plane", "cause", "mend")}
    own = _base(record)
    about = before if before and _try_of(before) == (own["run_id"], own["try_number"]) else None
    return Denial(
        **own,
        **told,
        action=about.action if about else "",
        resource=str(record.get("resource", "")) or (about.resource if about else ""),
        answer=about.answer if about else "",
    )


def _try_of(denial: Denial) -> tuple[str, int]:
    return denial.run_id, denial.try_number


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    """The lines that can be read; what is wrong with the others is for `audit verify` to say."""
    for line in content.splitlines():
        try:
            yield unseal(line)[0]
        except BrokenLine:
            continue
