# SPDX-License-Identifier: Apache-2.0
"""What a task needs: its job definition compiled with the task's own arguments, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_azureml.access.facts import WorkspaceFacts
from airflow_provider_azureml.access.needs import (
    Wanted,
    needs_of_job,
    needs_of_operator,
    needs_of_rotation,
)
from airflow_provider_azureml.access.run_identity import asked_identity
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.dag_folder import Task
from airflow_provider_azureml.spec.job import compile_job

_TEMPLATE = "{{"
_BY_HAND = "its code calls {what}; no definition tells what for: declare it under 'data' or 'secrets'"


@dataclass
class TaskNeeds:
    """What was found out about one task.

    :param run: id of the identity that its job names, as it stands there.
    :param job: path of its job definition.
    :param notes: what a person has to see to.
    """

    task: Task
    run: str = ""
    job: Path | None = None
    wanted: list[Wanted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_ungranted(self) -> bool:
        """`access="off"` on a job says that nobody is to look whether it may: a refusal is its business."""
        return self.job is not None and self.task.fields.get("access") == "off"


def needs_of_task(
    task: Task, facts: WorkspaceFacts | None, vaults: Mapping[str, str], vault_url: str = ""
) -> TaskNeeds | None:
    """What a task needs; None for one that has nothing to do with Azure ML.

    :param facts: of its connection's workspace; None where it has none.
    :param vaults: ARM id by name.
    :param vault_url: of its connection.
    """
    found = TaskNeeds(task)
    if task.is_mapped:
        found.notes.append("it is mapped: what each instance reads and writes is only known at run time")
    if "AzureMLRunJobOperator" in task.classes:
        _job(found, facts)
    elif "AzureMLRotateSecretOperator" in task.classes:
        _rotation(found, vaults, str(task.fields.get("vault_url") or vault_url))
    elif task.calls:
        found.notes.append(_BY_HAND.format(what=", ".join(task.calls)))
    else:
        wanted = [
            each for name in sorted(task.classes) for each in needs_of_operator(name, facts or _NOWHERE)
        ]
        if not wanted:
            return None
        found.wanted = wanted if facts else []
        found.notes += [] if facts else ["its connection names no workspace"]
    return found


_NOWHERE = WorkspaceFacts("/subscriptions/")


def _job(found: TaskNeeds, facts: WorkspaceFacts | None) -> None:
    definition = found.task.fields.get("job")
    if facts is None:
        found.notes.append("its connection could not be read, or names no workspace")
        return
    if isinstance(definition, str):
        if _TEMPLATE in definition:
            found.notes.append(f"its job definition is only known at run time: {definition}")
            return
        found.job = found.task.folder / definition
    try:
        compiled = compile_job(found.job or definition or {}, facts.scope, overrides(found))
    except ConfigurationError as error:
        found.notes.append(f"its job definition cannot be compiled here: {error}")
        return
    found.run = asked_identity(compiled.properties)[1]
    found.wanted = needs_of_job(compiled, facts)


def overrides(found: TaskNeeds) -> dict[str, Any]:
    """The operator's arguments, but for those of which nothing is known before the run."""
    fields = found.task.fields
    kept: dict[str, Any] = {}
    for group in ("inputs", "outputs"):
        given = fields.get(group)
        if isinstance(given, Mapping):
            kept[group] = {
                name: each for name, each in given.items() if not _is_open(found, group, name, each)
            }
    identity = fields.get("identity")
    if identity is not None and _TEMPLATE in str(identity):
        found.notes.append(f"its run identity is only known at run time: {identity}")
    elif identity is not None:
        kept["identity"] = identity
    return kept


def _is_open(found: TaskNeeds, group: str, name: str, entry: Any) -> bool:
    path = entry.get("path") if isinstance(entry, Mapping) else entry
    if not (isinstance(path, str) and path.lstrip().startswith(_TEMPLATE)):
        return False
    found.notes.append(f"{group}.{name} is only known at run time: {path}")
    return True


def _rotation(found: TaskNeeds, vaults: Mapping[str, str], vault_url: str) -> None:
    name = str(found.task.fields.get("secret_name") or "")
    vault = vault_url.removeprefix("https://").partition(".")[0].lower()
    found.wanted = needs_of_rotation(vaults.get(vault, ""), name)
