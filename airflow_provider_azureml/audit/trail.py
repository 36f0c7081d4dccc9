# SPDX-License-Identifier: Apache-2.0
"""Reading the log: events of a run or of a job, each intent beside its outcome, in the order of time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_azureml.audit.chain import BrokenLine, unseal
from airflow_provider_azureml.audit.check import PATTERN
from airflow_provider_azureml.audit.event import INTENT, OUTCOME, UNKNOWN

_ENVELOPE = frozenset({"prev", "kind", "seq"})


@dataclass(frozen=True)
class Wanted:
    """Which events to show.

    :param run: id of a DAG run, or name of a job.
    :param dag_id: empty for every DAG; ids of scheduled runs are the same in all of them.
    :param task_id: empty for every task.
    """

    run: str
    dag_id: str = ""
    task_id: str = ""

    def fits(self, intent: Mapping[str, Any]) -> bool:
        """Whether an event is one of them."""
        task = intent.get("task") or {}
        about = task.get("run_id") == self.run or self.run in str(intent.get("resource", "")).split("/")
        ours = not self.dag_id or task.get("dag_id") == self.dag_id
        return about and ours and (not self.task_id or task.get("task_id") == self.task_id)


def events(folder: Path, wanted: Wanted, days: Collection[str] = ()) -> list[dict[str, Any]]:
    """The events, oldest first, each with `outcome` or `"outcome": UNKNOWN`. Raises OSError.

    :param days: look into these days only (`YYYY-MM-DD`, UTC); empty for all.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob(PATTERN)):
        if days and path.parent.name not in days:
            continue
        for record in _records(path, json.dumps(wanted.run)[1:-1].encode()):
            _take(record, wanted, found)
    return sorted(found.values(), key=lambda event: str(event["time"]))


def _take(record: dict[str, Any], wanted: Wanted, found: dict[str, dict[str, Any]]) -> None:
    key = str(record.get("event", ""))
    if record.get("kind") == INTENT and wanted.fits(record):
        event = {name: value for name, value in record.items() if name not in _ENVELOPE}
        found[key] = {**event, "outcome": UNKNOWN}
    elif record.get("kind") == OUTCOME and key in found:
        outside = _ENVELOPE | {"event", "writer"}
        found[key]["outcome"] = {name: value for name, value in record.items() if name not in outside}


def _records(path: Path, run: bytes) -> Iterator[dict[str, Any]]:
    """The lines that can be read; what is wrong with the others is for `verify` to say.

    An event is whole in one file, so that a file without the wanted text need not be parsed.
    """
    content = path.read_bytes()
    if run not in content:
        return
    for line in content.splitlines():
        try:
            yield unseal(line)[0]
        except BrokenLine:
            continue
