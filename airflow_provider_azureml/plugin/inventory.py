# SPDX-License-Identifier: Apache-2.0
"""Which tasks use which connection, from DAGs as Airflow's database holds them; pure functions.

Nothing else of a task is taken: inputs, environment variables and arguments may hold secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONNECTION = "azureml_conn_id"


@dataclass(frozen=True)
class TaskUse:
    """A task with a connection of ours.

    :param connection: its id; a template is shown as it stands.
    :param job: file of its job definition, empty where the definition stands in the DAG.
    """

    dag_id: str
    task_id: str
    operator: str
    connection: str
    job: str = ""


def tasks_of(dag_id: str, data: Mapping[str, Any]) -> list[TaskUse]:
    """The tasks of a serialized DAG that name a connection of ours, in its order."""
    return list(_tasks(dag_id, _mapping(data.get("dag")).get("tasks") or ()))


def _tasks(dag_id: str, tasks: Any) -> Iterator[TaskUse]:
    for item in tasks:
        task = _mapping(_mapping(item).get("__var", item))
        fields = {**_mapping(_unwrapped(task.get("partial_kwargs"))), **task}
        connection = fields.get(CONNECTION)
        if isinstance(connection, str) and connection:
            job = fields.get("job")
            yield TaskUse(
                dag_id=dag_id,
                task_id=str(task.get("task_id", "")),
                operator=str(task.get("task_type", "")),
                connection=connection,
                job=_file_name(job) if isinstance(job, str) else "",
            )


def _file_name(job: str) -> str:
    """Of a path only the name: what else could stand in this text is nobody's business."""
    name = job.replace("\\", "/").rpartition("/")[2]
    return name if name.endswith((".yml", ".yaml", ".json")) and "{{" not in name else ""


def _unwrapped(value: Any) -> Any:
    """A dictionary as older and newer serializations write it."""
    return value["__var"] if isinstance(value, Mapping) and "__var" in value else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
