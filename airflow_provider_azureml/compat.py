# SPDX-License-Identifier: Apache-2.0
"""Every difference between Airflow 2.11 and 3.x, so that no other file asks for the version.

Cheap to import at DAG parse: only base classes and exceptions are loaded here, the rest on use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_azureml.errors import ServiceError

try:  # Airflow 3
    from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator
except ImportError:  # Airflow 2.11
    from airflow.hooks.base import BaseHook
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.sensors.base import BaseSensorOperator

try:  # Airflow 3.1 and later
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSkipException,
        TaskDeferred,
    )
except ImportError:
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSkipException,
        TaskDeferred,
    )

if TYPE_CHECKING:
    from airflow.sdk import Context
else:
    Context = dict

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowSkipException",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "TaskDeferred",
    "TaskSight",
    "TriggerEvent",
    "aget_connection",
    "leave_in_task_store",
    "mask_secret",
    "task_seen",
    "task_store_value",
    "xcom_value",
]


def mask_secret(secret: str) -> None:
    """Keep a secret that was fetched or minted at run time out of every task log."""
    try:
        from airflow.sdk.log import mask_secret as mask
    except ImportError:
        from airflow.utils.log.secrets_masker import mask_secret as mask
    mask(secret)


async def aget_connection(conn_id: str) -> Any:
    """Return an Airflow Connection without blocking the event loop of a triggerer.

    `BaseHook.aget_connection` exists from 3.1 on; before, the lookup runs in a thread. Raises
    ServiceError `NoConnection` when Airflow does not give it: a crash of a trigger ends in a
    cancelled job, so its caller has to be able to wait for Airflow as it waits for Azure.
    """
    try:
        if hasattr(BaseHook, "aget_connection"):
            return await BaseHook.aget_connection(conn_id)
        from asgiref.sync import sync_to_async

        return await sync_to_async(BaseHook.get_connection)(conn_id)
    except _lookup_errors() as error:
        problem = f"Airflow did not give connection '{conn_id}' ({type(error).__name__}: {error})"
        raise ServiceError(0, "NoConnection", problem) from error


def _lookup_errors() -> tuple[type[Exception], ...]:
    """What Airflow raises for a missing connection, its API server being away, its database being away."""
    try:
        from airflow.sdk.exceptions import AirflowRuntimeError as Unanswered
    except ImportError:
        from sqlalchemy.exc import SQLAlchemyError as Unanswered
    return AirflowException, Unanswered, OSError, EOFError


def xcom_value(ti_key: Any, key: str) -> Any:
    """Return what an operator link finds in XCom, None when there is nothing."""
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:
        from airflow.models.xcom import XCom
    return XCom.get_value(ti_key=ti_key, key=key)


HAS_TRIGGER_ON_KILL = hasattr(BaseTrigger, "on_kill")  # 3.3 and later


def configured(section: str, key: str) -> str:
    """A setting of airflow.cfg, empty when it is not set."""
    from airflow.configuration import conf

    return str(conf.get(section, key, fallback="") or "").strip()


@dataclass(frozen=True)
class TaskSight:
    """What a triggerer sees of a task instance: its state, None for none, and its try where Airflow says."""

    state: str | None
    try_number: int | None = None


async def task_seen(ti: Any) -> TaskSight:
    """How a task instance is, asked inside a triggerer; raises ServiceError `NoTaskState`.

    Airflow 3.3 calls `on_kill` on healthy triggers after a take-over, and cancels them on every
    version when it shuts down: only the task's state tells a kill from that (facts: airflow.md 1.7).
    """
    from asgiref.sync import sync_to_async

    try:
        return await sync_to_async(_task_seen)(ti)
    except _lookup_errors() as error:
        problem = f"Airflow did not say how task '{ti.task_id}' is ({type(error).__name__}: {error})"
        raise ServiceError(0, "NoTaskState", problem) from error


def _task_seen(ti: Any) -> TaskSight:
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    except ImportError:
        return _task_in_database(ti)
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    state = states.get(ti.run_id, {}).get(key)
    return TaskSight(None if state is None else str(getattr(state, "value", state)))


def _task_in_database(ti: Any) -> TaskSight:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        key = {"dag_id": ti.dag_id, "task_id": ti.task_id, "run_id": ti.run_id, "map_index": ti.map_index}
        found = session.query(TaskInstance).filter_by(**key).one_or_none()
        return TaskSight(None) if found is None else TaskSight(found.state, found.try_number)


def task_store_value(context: Mapping[str, Any], key: str) -> Any:
    """What an earlier try left in the task state store; None for nothing, and where Airflow has no store.

    Raises ServiceError `NoTaskStore`.
    """
    store = context.get("task_state_store")
    try:
        return None if store is None else store.get(key)
    except _store_errors() as error:
        raise _no_task_store(error) from error


def leave_in_task_store(context: Mapping[str, Any], key: str, value: Mapping[str, Any]) -> bool:
    """Keep JSON for people and for later tries; whether there is a store. Raises ServiceError `NoTaskStore`."""
    store = context.get("task_state_store")
    if store is None:
        return False
    try:
        store.set(key, dict(value))
    except _store_errors() as error:
        raise _no_task_store(error) from error
    return True


def _store_errors() -> tuple[type[Exception], ...]:
    """Those of a lookup; the store refuses some values, too."""
    return (*_lookup_errors(), TypeError, ValueError)


def _no_task_store(error: Exception) -> ServiceError:
    problem = f"Airflow's task state store failed ({type(error).__name__}: {error})"
    return ServiceError(0, "NoTaskStore", problem)
