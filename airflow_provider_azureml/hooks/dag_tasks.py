# SPDX-License-Identifier: Apache-2.0
"""What the tasks of a DAG folder say about access, read in a process of its own (`dag_folder.py` starts it).

DAG files are code: what they load, change or leave behind stays in this process. It writes one JSON document
to the file that it is given; what DAG files print goes to a log beside it.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from airflow_provider_azureml.compat import parse_dags, use_database, variable
from airflow_provider_azureml.errors import AzureMLError

FIELDS = (
    "job",
    "inputs",
    "outputs",
    "identity",
    "access",
    "application_id",
    "secret_name",
    "vault_url",
    "model",
)
"""Arguments of our operators that say something about access."""
HOOKS = ("AzureDataLakeHook", "AzureKeyVaultHook", "AzureMLHook")
PUBLIC = (
    *("auth", "tenant_id", "client_id", "federated_source", "source_client_id", "assertion_file"),
    *("credential_vault_url", "credential_name", "credential_reader_client_id"),
    *("subscription_id", "resource_group", "workspace_name", "account_url", "vault_url"),
)
"""Fields of a connection that are no secrets."""
_VARIABLE = re.compile(r"\{\{\s*var\.value\.([A-Za-z0-9_]+)\s*\}\}")


def main(folder: str, target: str, log: str) -> None:
    """Parse the folder and write what was found. It takes this process's standard output for its log."""
    with open(log, "w", encoding="utf-8") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    write(folder, target)


def write(folder: str, target: str) -> None:
    """Parse the folder and write what was found."""
    use_database()
    dags, problems = parse_dags(folder)
    tasks = [record(dag, task) for dag in dags.values() for task in dag.tasks]
    names = {task["conn_id"] for task in tasks} | {name for task in tasks for name in task["strings"]}
    connections = {name: found for name in sorted(names) if name and (found := settings(name))}
    known = [{**task, "strings": [s for s in task["strings"] if s in connections]} for task in tasks]
    document = {"tasks": known, "connections": connections, "problems": problems}
    Path(target).write_text(json.dumps(document), encoding="utf-8")


def record(dag: Any, task: Any) -> dict[str, Any]:
    """One task: its kind by the names of its classes, and its arguments with variables filled in."""
    is_mapped = any(each.__name__ == "MappedOperator" for each in type(task).__mro__)
    kind = task.operator_class if is_mapped else type(task)
    fields = {name: filled(value(task, name), variable) for name in FIELDS}
    calls, strings = code_of(value(task, "python_callable"))
    return {
        "dag": dag.dag_id,
        "task": task.task_id,
        "folder": str(Path(dag.fileloc).parent),
        "classes": [each.__name__ for each in kind.__mro__] if isinstance(kind, type) else [],
        "conn_id": filled(value(task, "azureml_conn_id"), variable) or "",
        "queue": _text(value(task, "queue")),
        "service_account": service_account(value(task, "executor_config")),
        "is_mapped": is_mapped,
        "fields": {name: each for name, each in fields.items() if each is not None},
        "calls": calls,
        "strings": strings,
    }


def value(task: Any, name: str) -> Any:
    """An argument of a task, mapped ones included; None when it has none."""
    found = getattr(task, name, None)
    return getattr(task, "partial_kwargs", {}).get(name) if found is None else found


def filled(content: Any, look_up: Callable[[str], str | None]) -> Any:
    """Plain values, in which `{{ var.value.x }}` is what Airflow says; other templates stay as they are."""
    if isinstance(content, Mapping):
        return {str(key): filled(each, look_up) for key, each in content.items()}
    if isinstance(content, (list, tuple)):
        return [filled(each, look_up) for each in content]
    if content is None or isinstance(content, (bool, int, float)):
        return content

    def known(found: re.Match[str]) -> str:
        answer = look_up(found[1])
        return found[0] if answer is None else answer

    return _VARIABLE.sub(known, str(content))


def code_of(function: Any) -> tuple[list[str], list[str]]:
    """Which of our hooks a task's own code names, with the methods beside them; and its short texts."""
    code = getattr(function, "__code__", None)
    names: list[str] = []
    strings: list[str] = []
    for each in _codes(code) if code else ():
        names += each.co_names
        strings += [text for text in each.co_consts if isinstance(text, str) and 0 < len(text) < 250]
    if not set(HOOKS) & set(names):
        return [], []
    return [name for name in dict.fromkeys(names) if name in HOOKS or name in _METHODS], strings


_METHODS = (
    *("upload_file", "upload_bytes", "download_file", "download_bytes", "list_files", "exists", "delete"),
    *("get_secret", "set_secret", "list_versions", "disable_version"),
)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def service_account(config: Any) -> str:
    """`NAMESPACE/NAME` of a KubernetesExecutor's pod override, as far as it says."""
    pod = (config or {}).get("pod_override") if isinstance(config, Mapping) else None
    spec, metadata = getattr(pod, "spec", None), getattr(pod, "metadata", None)
    name = getattr(spec, "service_account_name", None)
    space = getattr(metadata, "namespace", None)
    return f"{space or 'airflow'}/{name}" if name else ""


def settings(conn_id: str) -> dict[str, Any] | None:
    """The public part of a connection of our type, or what is wrong with it; None where it is none of ours."""
    from airflow_provider_azureml.compat import AirflowException
    from airflow_provider_azureml.hooks.azureml import AzureMLHook

    hook = AzureMLHook(conn_id)
    try:
        if hook.get_connection(conn_id).conn_type != AzureMLHook.conn_type:
            return None
        found = hook.settings
    except AzureMLError as error:
        return {"problem": str(error)}
    except (AirflowException, KeyError, OSError):
        return None
    public = {name: getattr(found, name, "") for name in PUBLIC}
    return {**public, "cloud": found.cloud.name, "claims": claims(public["assertion_file"])}


def claims(file: str) -> dict[str, str]:
    """Issuer, subject and audience of a token file; never the token. Empty where it cannot be read here."""
    try:
        body = (
            Path(file or os.environ.get("AZURE_FEDERATED_TOKEN_FILE", "")).read_text().strip().split(".")[1]
        )
        told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (OSError, ValueError, IndexError):
        return {}
    audience = told.get("aud") or ""
    first = audience[0] if isinstance(audience, list) and audience else audience
    return {"issuer": str(told.get("iss", "")), "subject": str(told.get("sub", "")), "audience": str(first)}


def _text(found: Any) -> str:
    return found if isinstance(found, str) and found != "default" else ""
