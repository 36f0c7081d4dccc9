# SPDX-License-Identifier: Apache-2.0
"""A DAG folder as its tasks and connections: parsed by `dag_tasks` in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks import dag_tasks

PARSE_SECONDS = 300.0


@dataclass(frozen=True)
class Task:
    """One task, as its DAG file declares it."""

    dag: str
    task: str
    folder: Path
    classes: frozenset[str]
    conn_id: str = ""
    queue: str = ""
    service_account: str = ""
    is_mapped: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """DAG.TASK."""
        return f"{self.dag}.{self.task}"


@dataclass(frozen=True)
class DagFolder:
    """What was found.

    :param connections: public fields by connection id.
    :param problems: import errors by file.
    """

    tasks: Sequence[Task]
    connections: Mapping[str, Mapping[str, Any]]
    problems: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path) -> DagFolder:
    """Parse a folder, or one file. Raises ConfigurationError when there is nothing to parse, or the parse dies."""
    if not folder.exists():
        raise ConfigurationError("DAGS", f"'{folder}' does not exist.", "Give the folder of the DAG files.")
    with tempfile.TemporaryDirectory() as scratch:
        target, log = Path(scratch) / "found.json", Path(scratch) / "log"
        process = multiprocessing.get_context("spawn").Process(
            target=dag_tasks.main, args=(str(folder.resolve()), str(target), str(log))
        )
        process.start()
        process.join(PARSE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
            mend = "Give a smaller folder, or find the DAG file that waits for something."
            raise ConfigurationError("DAGS", f"took more than {PARSE_SECONDS:.0f} s to parse.", mend)
        if not target.exists():
            last = (log.read_text(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise ConfigurationError(
                "DAGS", f"could not be parsed: {last}", "See: airflow dags list-import-errors"
            )
        return _folder(json.loads(target.read_text(encoding="utf-8")))


def _folder(document: Mapping[str, Any]) -> DagFolder:
    return DagFolder(
        [_task(item) for item in document["tasks"]], document["connections"], document["problems"]
    )


def _task(item: Mapping[str, Any]) -> Task:
    return Task(
        dag=item["dag"],
        task=item["task"],
        folder=Path(item["folder"]),
        classes=frozenset(item["classes"]),
        conn_id=item["conn_id"],
        queue=item["queue"],
        service_account=item["service_account"],
        is_mapped=item["is_mapped"],
        fields=item["fields"],
        calls=tuple(item["calls"]),
        connections=tuple(item["strings"]),
    )
