# SPDX-License-Identifier: Apache-2.0
"""This process as a worker of the demo's Airflow: its connections, its contexts, and a pipeline to run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.identity import resolver
from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, Client

IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
USED = ("azureml_train", "azureml_registry", "azureml_land")


@contextmanager
def acting_as_worker(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """The worker's variables, with credentials of its own for the time of the block."""
    own = {
        **sandbox.description["environment"],
        **variables(Azure(sandbox.description)),
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": f"wire-{uuid.uuid4()}",
    }
    # A worker begins with no masks; Airflow compiles all of them anew for each token.
    _secrets_masker().reset_masker()
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="audit-") as audit:
        own["AIRFLOW__AZUREML__AUDIT_PATH"] = audit
        for name, value in own.items():
            patch.setenv(name, value)
        for name in USED:  # another sandbox of this process has the same ids, and other keys
            resolver.forget(AzureMLHook(name).settings)
        yield own
        for name in USED:
            resolver.forget(AzureMLHook(name).settings)


def context(task_id: str, number: int = 1, run_id: str = "") -> dict[str, Any]:
    """What Airflow hands to one try of a task."""
    place = {"dag_id": "wire", "task_id": task_id, "run_id": run_id or str(uuid.uuid4()), "map_index": -1}
    state = {"try_number": number, "max_tries": 0, "start_date": datetime.now(timezone.utc)}
    return {"ti": SimpleNamespace(**place, **state, xcom_push=lambda key, value: None)}


def component(client: Client, sandbox: Sandbox, command: str) -> str:
    """The id of a component that runs a command on an input `word`, registered by an owner."""
    workspace, name = sandbox.workspace(), f"say-{uuid.uuid4().hex[:8]}"
    headers = client.bearer("owner", ARM)
    environment = f"{workspace}/environments/{name}/versions/1"
    path = f"{workspace}/components/{name}/versions/1"
    spec = {
        "name": name,
        "version": "1",
        "type": "command",
        "is_deterministic": True,
        "inputs": {"word": {"type": "string"}},
        "command": command,
        "environment": f"azureml:{name}:1",
    }
    for url, properties in ((environment, IMAGE), (path, {"componentSpec": spec})):
        put = client.http.put(
            f"{ARM}{url}?api-version=2024-10-01", json={"properties": properties}, headers=headers
        )
        assert put.status_code in (200, 201), put.text
    return path


def pipeline(client: Client, sandbox: Sandbox, **commands: str) -> dict[str, Any]:
    """The REST body of a pipeline: step name -> its command, with an input `word`."""
    identity = {"type": "managed", "client_id": sandbox.principal("run-train")["client_id"]}
    steps = {
        name: {
            "type": "command",
            "componentId": component(client, sandbox, command),
            "inputs": {"word": {"job_input_type": "literal", "value": "hello"}},
            "identity": identity,
        }
        for name, command in commands.items()
    }
    return {"properties": {"jobType": "Pipeline", "displayName": "as given", "jobs": steps}}
