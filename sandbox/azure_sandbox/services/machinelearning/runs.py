# SPDX-License-Identifier: Apache-2.0
"""The one table of runs: jobs, pipeline steps and MLflow runs, and their metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.services.machinelearning.records import Run

_SCHEMA = """
CREATE TABLE IF NOT EXISTS machinelearning_run (
    number INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, name TEXT NOT NULL,
    experiment TEXT NOT NULL, parent TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (workspace, name));
CREATE INDEX IF NOT EXISTS machinelearning_run_parent ON machinelearning_run (workspace, parent);
CREATE INDEX IF NOT EXISTS machinelearning_run_experiment ON machinelearning_run (workspace, experiment);
CREATE TABLE IF NOT EXISTS machinelearning_metric (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, run TEXT NOT NULL,
    key TEXT NOT NULL, value REAL, timestamp INTEGER NOT NULL, step INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS machinelearning_metric_run ON machinelearning_metric (workspace, run, key);
"""

Metric = dict[str, Any]


class Runs:
    """Runs by workspace and name; names compare with case, as Azure's do."""

    def __init__(self, cloud: Cloud) -> None:
        self._connection = cloud.store.connection
        cloud.store.migrate(_SCHEMA)

    def insert(self, run: Run) -> bool:
        """Add a run and give it its number; False where the name is taken."""
        values = (run.workspace, run.name, run.experiment, run.parent, run.kind, run.status, "{}")
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO machinelearning_run"
            " (workspace, name, experiment, parent, kind, status, body) VALUES (?,?,?,?,?,?,?)",
            values,
        )
        if cursor.rowcount != 1:
            return False
        run.number = int(cursor.lastrowid or 0)
        self.save(run)
        return True

    def save(self, run: Run) -> None:
        self._connection.execute(
            "UPDATE machinelearning_run SET status=?, body=? WHERE workspace=? AND name=?",
            (run.status, json.dumps(run.document()), run.workspace, run.name),
        )

    def get(self, workspace: str, name: str) -> Run | None:
        row = self._connection.execute(
            "SELECT body FROM machinelearning_run WHERE workspace=? AND name=?", (workspace, name)
        ).fetchone()
        return Run(**json.loads(row[0])) if row else None

    def delete(self, run: Run) -> None:
        key = (run.workspace, run.name)
        self._connection.execute("DELETE FROM machinelearning_run WHERE workspace=? AND name=?", key)
        self._connection.execute("DELETE FROM machinelearning_metric WHERE workspace=? AND run=?", key)

    def newest(self, workspace: str, below: int | None = None) -> Iterator[Run]:
        """Runs of a workspace, newest first, from below a run number; read as they are consumed."""
        limit = below if below is not None else 1 << 62
        cursor = self._connection.execute(
            "SELECT body FROM machinelearning_run WHERE workspace=? AND number<? ORDER BY number DESC",
            (workspace, limit),
        )
        return (Run(**json.loads(body)) for (body,) in cursor)

    def children(self, workspace: str, parent: str) -> list[Run]:
        cursor = self._connection.execute(
            "SELECT body FROM machinelearning_run WHERE workspace=? AND parent=? ORDER BY number",
            (workspace, parent),
        )
        return [Run(**json.loads(body)) for (body,) in cursor]

    def unfinished(self) -> list[Run]:
        """Jobs that a sandbox left behind when it died; MLflow's own runs are their client's affair."""
        cursor = self._connection.execute(
            "SELECT body FROM machinelearning_run"
            " WHERE kind<>'run' AND status NOT IN ('Completed', 'Failed', 'Canceled')"
        )
        return [Run(**json.loads(body)) for (body,) in cursor.fetchall()]

    def experiments(self, workspace: str) -> list[str]:
        cursor = self._connection.execute(
            "SELECT DISTINCT experiment FROM machinelearning_run WHERE workspace=? ORDER BY experiment",
            (workspace,),
        )
        return [name for (name,) in cursor]

    def log_metric(self, run: Run, metric: Metric) -> None:
        self._connection.execute(
            "INSERT INTO machinelearning_metric (workspace, run, key, value, timestamp, step)"
            " VALUES (?,?,?,?,?,?)",
            (run.workspace, run.name, metric["key"], metric["value"], metric["timestamp"], metric["step"]),
        )

    def metric_history(self, run: Run, key: str) -> list[Metric]:
        cursor = self._connection.execute(
            "SELECT key, value, timestamp, step FROM machinelearning_metric"
            " WHERE workspace=? AND run=? AND key=? ORDER BY sequence",
            (run.workspace, run.name, key),
        )
        return [dict(zip(("key", "value", "timestamp", "step"), row, strict=True)) for row in cursor]

    def latest_metrics(self, run: Run) -> list[Metric]:
        """One point per key: the highest step, and of one step the latest."""
        cursor = self._connection.execute(
            "SELECT key, value, timestamp, step FROM machinelearning_metric"
            " WHERE workspace=? AND run=? ORDER BY step, timestamp, sequence",
            (run.workspace, run.name),
        )
        latest = {
            row[0]: dict(zip(("key", "value", "timestamp", "step"), row, strict=True)) for row in cursor
        }
        return list(latest.values())


def experiment_id(workspace_guid: str, experiment: str) -> str:
    return stable_guid("experiment", workspace_guid, experiment)
