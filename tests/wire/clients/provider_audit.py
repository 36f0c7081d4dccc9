# SPDX-License-Identifier: Apache-2.0
"""What the audit is asked about: real work, a submit that hangs, a log that cannot be written.

Arguments: which of them, and its own. Runs on every supported Airflow.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import asset, graph, intent, job

RUN = "run-of-the-audit"


def task_instance(task_id: str) -> Any:
    place = {"dag_id": "audited", "run_id": RUN, "task_id": task_id, "map_index": -1, "try_number": 1}
    return SimpleNamespace(**place, start_date=None)


def task(task_id: str) -> AbstractContextManager[Any]:
    """As Airflow surrounds `execute`."""
    try:
        from airflow.sdk.execution_time.context import set_current_context
    except ImportError:
        from airflow.models.taskinstance import set_current_context
    context: Any = {"ti": task_instance(task_id)}
    return set_current_context(context)


def body() -> dict[str, Any]:
    return {
        "properties": {
            "jobType": "Command",
            "command": "sleep 5",
            "environmentId": environment(),
            "inputs": {"rows": {"jobInputType": "literal", "value": "5"}},
            "environmentVariables": {"CANARY": "canary-of-the-audit"},
        }
    }


@cache
def environment() -> str:
    hook = AzureMLHook("azureml_train")
    return hook.run(asset.ensure_environment(hook.workspace, "mcr.microsoft.com/azureml/base:1"))


def submit(name: str) -> None:
    """A job that ends by itself, for the sandbox runs only two at once."""
    hook = AzureMLHook("azureml_train")
    hook.run(job.submit(hook.workspace, name, body()))


def cancel(name: str) -> str:
    hook = AzureMLHook("azureml_train")
    return hook.run(intent.cancel(hook.workspace, hook.run(job.get(hook.workspace, name)), "test"))


async def cancel_in_a_trigger(name: str) -> None:
    hook = AzureMLHook("azureml_train", task_instance=task_instance("deferred"))
    async with hook.opened():
        workspace = await hook.aworkspace()
        found = await hook.arun(job.get(workspace, name))
        await hook.arun(intent.cancel(workspace, found, "killed"))


def rotate() -> None:
    from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator

    operator = AzureMLRotateSecretOperator(
        task_id="rotate",
        azureml_conn_id="azureml_rotation",
        application_id=os.environ["AIRFLOW_VAR_REGISTRY_CLIENT_ID"],
        secret_name="airflow-registry",
        overlap=0.2,
        poll_interval=0.2,
    )
    operator.execute({"ti": task_instance("rotate")})
    hook, application = AzureMLHook("azureml_rotation"), os.environ["AIRFLOW_VAR_REGISTRY_CLIENT_ID"]
    ends = datetime.now(timezone.utc) + timedelta(hours=1)
    made = hook.run(graph.add_password(hook.settings.cloud, application, "audit", ends))
    hook.run(graph.remove_password(hook.settings.cloud, application, made.key_id))


def register() -> None:
    hook = AzureMLHook("azureml_registry")
    version = asset.next_version(hook.run(asset.list_models(hook.workspace, "audited")))
    hook.run(asset.put_model(hook.workspace, "audited", version, "azureml://datastores/models/paths/audited"))


def work(name: str) -> dict[str, Any]:
    """A submit and a cancel in a worker, another in a trigger, a rotation, a registration."""
    with task("train"):
        submit(f"{name}-0")
        cancel(f"{name}-0")
        submit(f"{name}-1")
    asyncio.run(cancel_in_a_trigger(f"{name}-1"))
    with task("rotate"):
        rotate()
    with task("register"):
        register()
    return {}


def short(name: str) -> dict[str, Any]:
    """The part that is not the same code on every Airflow."""
    with task("train"):
        submit(name)
        cancel(name)
    return {}


def hang(name: str) -> dict[str, Any]:
    """A submit whose answer never comes."""
    with task("train"):
        submit(name)
    return {}


def refusal(name: str) -> str:
    try:
        submit(name)
    except AzureMLError as error:
        return str(error)
    return ""


def failing(name: str) -> dict[str, Any]:
    """A disk without room, then with room again, then a folder that cannot be made."""
    return {"full": full(f"{name}-full"), "nowhere": nowhere(f"{name}-nowhere")}


def full(name: str) -> dict[str, Any]:
    """After the first job the kernel itself refuses to write more."""
    submit(f"{name}-0")
    folder = Path(os.environ["AIRFLOW__AZUREML__AUDIT_PATH"])
    [path] = folder.glob(f"*/*-{os.getpid()}-*.jsonl")
    room = path.stat().st_size + 300
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    told = refusal(f"{name}-1")
    problem = cancel(f"{name}-0")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return {"refusal": told, "problem": problem, "later": refusal(f"{name}-2")}


def nowhere(name: str) -> dict[str, Any]:
    """A file is where the folder should be."""
    submit(f"{name}-0")
    folder = Path(os.environ["AIRFLOW__AZUREML__AUDIT_PATH"])
    (folder / "file").write_text("")
    os.environ["AIRFLOW__AZUREML__AUDIT_PATH"] = str(folder / "file" / "log")
    return {"refusal": refusal(f"{name}-1"), "problem": cancel(f"{name}-0")}


if __name__ == "__main__":
    found = globals()[sys.argv[1]](*sys.argv[2:])
    sys.__stdout__.write("\nFOUND " + json.dumps(found) + "\n")
