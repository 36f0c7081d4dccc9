# SPDX-License-Identifier: Apache-2.0
"""`[azureml] namespaces`, read strictly, and kept when a task runs: a template hides from the parse what it uses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow_provider_azureml.access.namespace import (
    MEMBERS,
    THINGS,
    Namespace,
    Namespaces,
    Subject,
    Use,
    shared,
    violations,
)
from airflow_provider_azureml.compat import configured, running_task
from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.document import parse_yaml, plain, read_yaml
from airflow_provider_azureml.spec.field import Fields
from airflow_provider_azureml.spec.place import places

SETTING = "[azureml] namespaces"
LONGEST = 200
"""Letters of an entry; an ARM id may have twice as many."""
_FORMS = {
    "tasks": "DAG.TASK",
    "task_groups": "DAG.GROUP",
    "containers": "ACCOUNT/CONTAINER",
    "scopes": "/subscriptions/...",
}
_SEPARATORS = {"tasks": ".", "task_groups": ".", "containers": "/"}


def configured_namespaces() -> Namespaces:
    """The namespaces of this Airflow; none when it is not set. Raises ConfigurationError."""
    text = configured("azureml", "namespaces")
    if not text:
        return ()
    if _is_document(text):
        return _read_document(text)
    path = Path(text)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0  # the reader says what is wrong with it
    return _read_file(path, changed)


def _is_document(text: str) -> bool:
    """A path has neither a line break nor a brace nor `: `."""
    return any(mark in text for mark in ("\n", "{", ": "))


@lru_cache(maxsize=4)
def _read_document(text: str) -> Namespaces:
    return read_namespaces(plain(parse_yaml(text, SETTING), SETTING), SETTING)


@lru_cache(maxsize=4)
def _read_file(path: Path, changed: int) -> Namespaces:
    if not path.is_absolute():
        mend = "Write an absolute path: Airflow's processes start in different folders."
        raise ConfigurationError(SETTING, f"is the relative path '{path}'.", mend)
    where = f"{SETTING}, file '{path}'"
    return read_namespaces(read_yaml(path, where), where)


def read_namespaces(content: object, where: str) -> Namespaces:
    """The namespaces of a document, which is a mapping of names. Raises ConfigurationError.

    :param where: what messages call it.
    """
    fields = Fields(where, content)
    spaces = tuple(_namespace(f"{where}: {name}", name, fields.raw(name)) for name in fields.names())
    for kind, one, mine, other, theirs in shared(spaces):
        problem = f"holds '{mine}', and '{other}' holds '{theirs}': one name can be both."
        mend = "Give each namespace its own: who has the same one works as one identity in both."
        raise ConfigurationError(f"{where}: {one}: field '{kind}'", problem, mend)
    return spaces


def _namespace(where: str, name: str, content: object) -> Namespace:
    fields = Fields(where, content)
    members = dict(_lists(fields, MEMBERS))
    things = dict(_lists(fields, THINGS))
    fields.close()
    if not members:
        mend = f"Say who is in it, with one of: {', '.join(MEMBERS)}."
        raise ConfigurationError(where, "has no members, so that nobody could use what it lists.", mend)
    return Namespace(name, members, things)


def _lists(fields: Fields, kinds: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for kind in kinds:
        entries = fields.text_list(kind)
        if entries is None:
            continue
        if not entries:
            raise fields.error(kind, "is an empty list.", "Remove it, or write names into it.")
        for entry in entries:
            _check(fields, kind, entry)
        yield kind, tuple(entries)


def _check(fields: Fields, kind: str, entry: str) -> None:
    longest = 2 * LONGEST if kind == "scopes" else LONGEST
    if not entry.strip() or len(entry) > longest:
        mend = f"Write a name of at most {longest} letters."
        raise fields.error(kind, "holds an entry that is blank or too long.", mend)
    separator = _SEPARATORS.get(kind)
    if (separator and separator not in entry) or (kind == "scopes" and not entry.startswith("/")):
        raise fields.error(kind, f"holds '{entry}'.", f"Write it as {_FORMS[kind]}.")


def subject_of(task: Any) -> Subject:
    """An operator of any version of Airflow, as namespaces see it."""
    dag = task.dag
    declared = getattr(dag, "task_dict", {}).get(
        task.task_id, task
    )  # one of a mapped task has lost its group
    owners = (part.strip() for part in str(getattr(task, "owner", "") or "").split(","))
    return Subject(
        dag_id=str(dag.dag_id),
        task_id=str(task.task_id),
        owners=tuple(filter(None, owners)),
        team=team_of(str(getattr(dag, "fileloc", "") or "")),
        task_groups=tuple(_groups(getattr(declared, "task_group", None))),
    )


def _groups(group: Any) -> Iterator[str]:
    """Ids of the groups around a task; the outermost, which is the DAG, has none."""
    while group is not None and getattr(group, "group_id", None):
        yield str(group.group_id)
        group = getattr(group, "parent_group", None) or getattr(group, "task_group", None)


def team_of(file: str) -> str:
    """The team whose bundle a DAG file is in (Airflow 3.2 and later, `[core] multi_team`); empty for none."""
    if configured("core", "multi_team").lower() != "true":
        return ""
    bundles = configured("dag_processor", "dag_bundle_config_list")
    storage = configured("dag_processor", "dag_bundle_storage_path")
    return _team(file, bundles, storage, configured("core", "dags_folder"))


@lru_cache(maxsize=1024)
def _team(file: str, bundles: str, storage: str, dags: str) -> str:
    root = Path(storage) if storage else Path(tempfile.gettempdir(), "airflow", "dag_bundles")
    for bundle in json.loads(bundles or "[]"):
        if bundle.get("team_name") and Path(file).is_relative_to(_folder(bundle, root, dags)):
            return str(bundle["team_name"])
    return ""


def _folder(bundle: Mapping[str, Any], root: Path, dags: str) -> Path:
    """Where the DAG files of a bundle are; a local one without a path is the folder of all DAGs, as in Airflow."""
    own = (bundle.get("kwargs") or {}).get("path")
    if own or not str(bundle.get("classpath", "")).endswith("LocalDagBundle"):
        return Path(own or root / bundle["name"])
    return Path(dags)


def refuse_foreign(uses: Iterable[Use]) -> None:
    """Raise ConfigurationError when the task that this process runs uses what its namespace does not let it.

    Outside of a task, and where no namespaces are configured, nothing is refused.
    """
    spaces = configured_namespaces()
    task = getattr(running_task(), "task", None) if spaces else None
    if task is None:
        return
    found = violations(subject_of(task), uses, spaces)
    if found:
        raise ConfigurationError(SETTING, found[0], "")


def uses_of(settings: Settings) -> list[Use]:
    """What a connection lets its task use: itself, and its workspace."""
    found = [Use("connections", settings.conn_id, "connection")]
    if settings.workspace_name:
        found.append(
            Use("workspaces", settings.workspace_name, f"workspace (connection '{settings.conn_id}')")
        )
    return found


def refuse_foreign_places(definition: Any) -> None:
    """The same for what a job's definition names, with its templates filled in."""
    if configured("azureml", "namespaces"):
        refuse_foreign(
            Use(place.kind, place.name, f"job's {place.kind.rstrip('s')}") for place in places(definition)
        )
