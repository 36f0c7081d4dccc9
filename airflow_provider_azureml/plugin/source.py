# SPDX-License-Identifier: Apache-2.0
"""What the page asks Airflow for: who may read which DAGs, the DAGs as serialized, and their runs.

It reads no connection and no variable: in this process nobody's secret is ever decrypted for it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_azureml.plugin.inventory import TaskUse, tasks_of

RUNS = 30
LONGEST_RUN_DAYS = 31


def readable_dags(user: Any) -> set[str]:
    """Ids of the DAGs that are there and that a user may read."""
    allowed: set[str] = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    with create_session() as session:
        living = session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale))
        return {dag_id for dag_id in living if dag_id in allowed}


def task_uses(dag_ids: Collection[str]) -> list[TaskUse]:
    """The tasks of these DAGs that name a connection of ours."""
    with create_session() as session:
        rows = SerializedDagModel.get_latest_serialized_dags(dag_ids=sorted(dag_ids), session=session)
        return [use for row in rows for use in tasks_of(row.dag_id, row.data or {})]


def runs_of(dag_id: str) -> list[dict[str, str]]:
    """The newest runs of a DAG, newest first."""
    query = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(RUNS)
    with create_session() as session:
        return [
            {"run_id": run.run_id, "state": str(run.state), "began": _text(run.start_date)}
            for run in session.scalars(query)
        ]


def days_of(dag_id: str, run_id: str) -> list[str]:
    """The days (UTC) in which a run was at work; none where it is not known, or went on for too long."""
    query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        run = session.scalars(query).one_or_none()
        began = run and (run.start_date or run.queued_at)
        ended = (run and run.end_date) or datetime.now(timezone.utc)
    return days_between(began, ended + timedelta(hours=1)) if began else []


def days_between(began: datetime, ended: datetime) -> list[str]:
    """All days from one moment to another, as the audit log names its folders."""
    first, last = began.astimezone(timezone.utc).date(), ended.astimezone(timezone.utc).date()
    count = (last - first).days + 1
    if count > LONGEST_RUN_DAYS:
        return []
    return [(first + timedelta(days=number)).isoformat() for number in range(count)]


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
