# SPDX-License-Identifier: Apache-2.0
"""The hooks as the demo's connections, blocking and in an event loop. Prints what they found as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_azureml.errors import AzureMLError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.rest import asset, job, run_history
from airflow_provider_azureml.rest.code import upload_code
from airflow_provider_azureml.rotation.plan import order

CONNECTIONS = ("azureml_rotation", "azureml_land", "azureml_prep", "azureml_train", "azureml_registry")


def refusal(action: Callable[[], Any]) -> list[Any]:
    """The error of an action: type, status, code."""
    try:
        action()
    except AzureMLError as error:
        return [type(error).__name__, getattr(error, "status", None), getattr(error, "code", None)]
    return []


def identities() -> dict[str, Any]:
    found = {}
    for name in CONNECTIONS:
        who = AzureMLHook(name).identity()
        works, told = AzureMLHook(name).test_connection()
        found[name] = {"object_id": who.object_id, "client_id": who.app_id, "works": works, "told": told}
    return found


def lake(folder: Path) -> dict[str, Any]:
    hook, base = AzureDataLakeHook("azureml_land"), f"hooks-{os.getpid()}"
    big, back = folder / "big", folder / "back"
    big.write_bytes(os.urandom(9_000_000))
    sizes = [
        hook.upload_file("raw", f"{base}/big.bin", big),
        hook.upload_bytes("raw", f"{base}/ü/small.txt", b"hello"),
        hook.upload_bytes("raw", f"{base}/empty", b""),
    ]
    return {
        "sizes": sizes,
        "listed": sorted(path.removeprefix(base) for path in hook.list_files("raw", base)),
        "nowhere": hook.list_files("raw", base + "-nowhere"),
        "small": hook.download_bytes("raw", f"{base}/ü/small.txt").decode(),
        "same": [hook.download_file("raw", f"{base}/big.bin", back), back.read_bytes() == big.read_bytes()],
        "again": refusal(lambda: hook.upload_bytes("raw", f"{base}/empty", b"x", overwrite=False)),
        "exists": [hook.exists("raw", f"{base}/empty"), hook.exists("raw", f"{base}/no")],
        "denied": refusal(lambda: hook.upload_bytes("features", "x", b"x")),
        "deleted": [hook.delete("raw", base), hook.delete("raw", base), hook.exists("raw", base)],
    }


def vault() -> dict[str, Any]:
    hook = AzureKeyVaultHook("azureml_rotation")
    name = "airflow-registry"
    versions = hook.list_versions(name)
    latest = order(versions)[-1].version
    return {
        "length": len(hook.get_secret(name)),
        "enabled": [item.enabled for item in versions if item.version == latest],
        "latest_stays": refusal(lambda: hook.disable_version(name, latest)),
        "unknown": refusal(lambda: hook.get_secret("no-such-secret")),
    }


def flows(folder: Path) -> dict[str, Any]:
    hook, name = (
        AzureMLHook("azureml_train", "11111111-2222-3333-4444-555555555555"),
        f"hooks-{os.getpid()}-0",
    )
    code = folder / "code"
    code.mkdir()
    (code / "main.py").write_text(f"print('{name}')\n")
    first, second = (hook.run(upload_code(hook.workspace, code)) for _ in range(2))
    environment = hook.run(asset.ensure_environment(hook.workspace, "mcr.microsoft.com/azureml/base:1"))
    body = {
        "properties": {
            "jobType": "Command",
            "command": "sleep 600",
            "codeId": first,
            "environmentId": environment,
            "properties": {"airflow.test": name},
        }
    }
    made = hook.run(job.submit(hook.workspace, name, body))
    again = hook.run(job.submit(hook.workspace, name, body))
    batch = asyncio.run(watch(name))
    listed = [item.name for item in hook.run(job.list_by_property(hook.workspace, "airflow.test", name))]
    hook.run(job.cancel(hook.workspace, name, wait=True))
    return {
        "code_is_shared": first == second,
        "same_job": made.name == again.name == name,
        "created_by": made.created_by,
        "batch": batch,
        "listed": listed == [name],
        "ended": hook.run(job.get(hook.workspace, name)).status,
        "missing": hook.run(job.find(hook.workspace, "no-such-job")) is None,
    }


async def watch(name: str) -> dict[str, Any]:
    hook = AzureMLHook("azureml_train")
    async with hook.opened():
        workspace = await hook.aworkspace()
        states = await hook.arun(run_history.status_batch(workspace, [name, "no-such-job"]))
        many = await asyncio.gather(*(hook.arun(job.get(workspace, name)) for _ in range(20)))
    return {
        "known": (isinstance(states[name], str) and states[name] == many[-1].status) or str(states[name]),
        "unknown": type(states["no-such-job"]).__name__,
        "many": len({item.name for item in many}),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = {
            "identities": identities(),
            "lake": lake(Path(scratch)),
            "vault": vault(),
            "flows": flows(Path(scratch)),
        }
    sys.__stdout__.write("\nFOUND " + json.dumps(found) + "\n")
