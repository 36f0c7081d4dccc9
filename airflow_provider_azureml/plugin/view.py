# SPDX-License-Identifier: Apache-2.0
"""What the page shows, joined from Airflow's DAGs, the access report and the audit log; pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

from airflow_provider_azureml.access.report import Report, TaskLine
from airflow_provider_azureml.audit.denial import Denial, Task
from airflow_provider_azureml.plugin.inventory import TaskUse

REPORTED, BY_CONNECTION, NOT_CHECKED = "report", "connection", "none"
"""Where a row's identities come from: its own line, another task's with the same connection, nowhere."""
EMPTY = Report(made_at="")


def overview(
    readable: Collection[str],
    uses: Iterable[TaskUse],
    report: Report,
    denials: Mapping[Task, Denial],
) -> dict[str, Any]:
    """The rows of the DAGs that a user may read, and the identities and differences that they are about.

    A difference about no identity or task, such as a storage account that takes keys, is for all readers.
    """
    own = {(use.dag_id, use.task_id): use for use in uses if use.dag_id in readable}
    lines = {(line.dag_id, line.task_id): line for line in report.tasks if line.dag_id in readable}
    denied = {task for task in denials if task[0] in readable}
    keys = sorted({*own, *lines, *denied})
    rows = [_row(key, own.get(key), lines.get(key), denials.get(key), report) for key in keys]
    names = {row[who] for row in rows for who in ("submitter", "run_identity")} - {""}
    about_all = {""} if rows else set()
    subjects = names | about_all | {f"{row['dag_id']}.{row['task_id']}" for row in rows}
    return {
        "tasks": rows,
        "identities": {line.name: asdict(line) for line in report.identities if line.name in names},
        "differences": [asdict(item) for item in report.differences if item.subject in subjects],
    }


def _row(
    key: Task, use: TaskUse | None, line: TaskLine | None, denial: Denial | None, report: Report
) -> dict[str, Any]:
    source = REPORTED if line else NOT_CHECKED
    connection = (use or line or denial or TaskUse(*key, "", "")).connection
    if line is None:
        line = _same_connection(key, connection, report)
        source = BY_CONNECTION if line else NOT_CHECKED
    line = line or TaskLine(*key, connection=connection)
    return {
        **asdict(line),
        "dag_id": key[0],
        "task_id": key[1],
        "connection": connection,
        "operator": use.operator if use else "",
        "job": (use.job if use else "") or line.job,
        "verdict": line.verdict,
        "source": source,
        "denial": asdict(denial) if denial else None,
    }


def _same_connection(key: Task, connection: str, report: Report) -> TaskLine | None:
    """Who submits is decided by the connection: what was found for another task of it is true here, too."""
    for line in report.tasks:
        if connection and line.connection == connection:
            return replace(line, dag_id=key[0], task_id=key[1], job="", run_identity="", checks=())
    return None


def age_seconds(made_at: str, now: datetime) -> float | None:
    """How old a report is; None where it does not say."""
    try:
        made = datetime.fromisoformat(made_at.replace("Z", "+00:00"))
    except ValueError:
        return None
    made = made if made.tzinfo else made.replace(tzinfo=timezone.utc)
    return max(0.0, (now - made).total_seconds())
