# SPDX-License-Identifier: Apache-2.0
"""Every difference between Airflow 2.11 and 3.x, so that no other file asks for the version.

Cheap to import at DAG parse: only base classes and exceptions are loaded here, the rest on use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
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
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferred,
    )
except ImportError:
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSensorTimeout,
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
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "TaskDeferred",
    "TaskSight",
    "TaskState",
    "TriggerEvent",
    "aget_connection",
    "database_address",
    "leave_in_task_store",
    "looked_up",
    "mask_secret",
    "parse_dags",
    "task_seen",
    "task_states",
    "task_states_from_database",
    "task_store_value",
    "use_database",
    "variable",
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
    ServiceError `NoConnection`, see `looked_up`.
    """
    with looked_up(conn_id):
        if hasattr(BaseHook, "aget_connection"):
            return await BaseHook.aget_connection(conn_id)
        from asgiref.sync import sync_to_async

        return await sync_to_async(BaseHook.get_connection)(conn_id)


@contextmanager
def looked_up(conn_id: str) -> Iterator[None]:
    """Look a connection up in the block; raises ServiceError `NoConnection` when Airflow does not give it.

    A crash of a trigger ends in a cancelled job, so who looks has to be able to wait for Airflow as
    it waits for Azure.
    """
    try:
        yield
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


def shows_external_views(plugin: type) -> bool:
    """Whether a plugin may add pages to the UI that can ask for Airflow's login: 3.1 and later."""
    return hasattr(plugin, "external_views")


def running_task() -> Any:
    """The task instance that this process executes just now; None outside of a task."""
    try:
        from airflow.sdk import get_current_context
    except ImportError:
        from airflow.operators.python import get_current_context
    try:
        return get_current_context()["ti"]
    except (RuntimeError, AirflowException, KeyError):
        return None


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


@dataclass(frozen=True)
class TaskState:
    """What Airflow says about a task instance: its state, empty before it has one, and when it ended."""

    state: str
    ended: datetime | None = None


States = dict[tuple[str, int], TaskState]
"""(run id, map index) -> state, of one task; an instance that does not exist (any more) is left out."""


def task_states(dag_id: str, task_id: str, run_ids: Sequence[str]) -> States:
    """The states of one task in some runs, asked inside a task; raises ServiceError `NoTaskState`.

    Airflow 3 answers the same for a run, a task or a DAG that it does not know: it leaves them out.
    """
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    except ImportError:
        return task_states_from_database(dag_id, task_id, run_ids)
    try:  # one task at a time: beside task `a_1`, the answer `a_1` could be instance 1 of task `a`
        found = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=list(run_ids))
    except _lookup_errors() as error:
        raise _no_task_state(dag_id, error) from error
    return {
        (run_id, -1 if key == task_id else int(key[len(task_id) + 1 :])): TaskState(_word(state))
        for run_id, states in found.items()
        for key, state in states.items()
    }


def task_states_from_database(dag_id: str, task_id: str, run_ids: Sequence[str]) -> States:
    """The same from the metadata database, for a command line and Airflow 2.11.

    Raises ServiceError `NoTaskState` for a DAG that this database does not know, too: it may be the
    database of another Airflow, in which all of our task instances are missing.
    """
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            if session.get(DagModel, dag_id) is None:
                raise ServiceError(0, "NoTaskState", f"this Airflow does not know DAG '{dag_id}'")
            query = session.query(TaskInstance.run_id, TaskInstance.map_index, TaskInstance.state)
            query = query.add_columns(TaskInstance.end_date).filter_by(dag_id=dag_id, task_id=task_id)
            rows = query.filter(TaskInstance.run_id.in_(run_ids)).all()
    except SQLAlchemyError as error:
        raise _no_task_state(dag_id, error) from error
    return {(run_id, index): TaskState(_word(state), ended) for run_id, index, state, ended in rows}


def use_database() -> None:
    """Say that this process is a command line beside the metadata database: connections are there, too.

    Airflow 3's own `airflow connections` says it in the same way; 2.11 always looks there.
    """
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"


def parse_dags(folder: str) -> tuple[dict[str, Any], dict[str, str]]:
    """DAGs of a folder by id, parsed in this process as Airflow parses them; import errors by file."""
    try:  # Airflow 3.2 and later
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(folder)
    except ImportError:
        from airflow.models.dagbag import DagBag

        bag = DagBag(folder, include_examples=False)
    return dict(bag.dags), {str(file): str(text) for file, text in bag.import_errors.items()}


def variable(name: str) -> str | None:
    """A variable, for a command line; None when Airflow has none of this name, or does not answer."""
    from airflow.models.variable import Variable

    try:
        return str(Variable.get(name))
    except KeyError:
        return None
    except _lookup_errors():
        return None


def database_address() -> str:
    """Which metadata database this process has, for a person; without user and password."""
    from airflow import settings

    url = settings.engine.url
    return f"{url.get_backend_name()}://{url.host or ''}/{url.database or ''}"


def _word(state: Any) -> str:
    return "" if state is None else str(getattr(state, "value", state))


def _no_task_state(dag_id: str, error: Exception) -> ServiceError:
    problem = f"Airflow did not say how the tasks of DAG '{dag_id}' are ({type(error).__name__}: {error})"
    return ServiceError(0, "NoTaskState", problem)


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
