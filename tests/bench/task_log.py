# SPDX-License-Identifier: Apache-2.0
"""What triggers wrote into the logs of their tasks, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TaskLog:
    """One trigger; moments are Unix times, 0 for what did not happen.

    :param begun: Airflow started it
    :param seen: the job's state was known
    :param fired: the event that resumes the task
    """

    map_index: int
    begun: float
    seen: float
    fired: float


def count(logs: Path, dag_id: str, text: str) -> int:
    """How many triggers of a DAG have logged a line with this text."""
    wanted = text.encode()
    return sum(wanted in path.read_bytes() for path in _files(logs, dag_id))


def read(logs: Path, dag_id: str) -> list[TaskLog]:
    """Every trigger of a DAG."""
    return [_parsed(path) for path in _files(logs, dag_id)]


def _files(logs: Path, dag_id: str) -> Iterator[Path]:
    return logs.glob(f"dag_id={dag_id}/**/*.log")


def _parsed(path: Path) -> TaskLog:
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]

    def first(begin: str, end: str) -> float:
        found = (x for x in lines if x["event"].startswith(begin) and x["event"].endswith(end))
        return next((_moment(line) for line in found), 0.0)

    begun, seen = first("trigger ", " starting"), first("Job ", " is Running")
    return TaskLog(int(lines[0]["map_index"]), begun, seen, first("Trigger fired event", ""))


def _moment(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00")).timestamp()
