# SPDX-License-Identifier: Apache-2.0
"""Setup and teardown in a real Airflow: a job that fails leaves no grant behind. In `make soak` also on 2.11."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from demo.azure import Azure as Demo
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox
from tests.wire.granting import BROKER, READER, Azure, broker_connection
from tests.wire.identities import Client
from tests.wire.worker import IMAGE, acting_as_worker

SCRIPT = Path(__file__).parent / "clients" / "provider_just_in_time.py"
PYTHONS = {"installed": sys.executable}
if os.environ.get("RELIABILITY_SOAK"):
    PYTHONS["2.11"] = os.environ["AIRFLOW_2_PYTHON"]


def begin(python: str, sandbox: Sandbox, folder: Path, given: dict[str, Any]) -> subprocess.Popen[str]:
    own = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": f"jit-{folder.parent.name}",
        "AIRFLOW__AZUREML__BROKER_CONN_ID": BROKER,
        "AIRFLOW__AZUREML__LEASE_CONTAINER": "leases",
        f"AIRFLOW_CONN_{BROKER.upper()}": broker_connection(sandbox),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [python, str(SCRIPT), json.dumps(given)],
        env={**sandbox.environment, **variables(Demo(sandbox.description)), **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_teardown_revokes_after_a_job_that_failed(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    """With two Airflows, of one name, the assignment is shared, and the last one deletes it."""
    with acting_as_worker(sandbox):
        AzureDataLakeHook("azureml_land").upload_bytes("raw", "wire/data.txt", b"hello from the lake")
    azure = Azure(sandbox, client)
    identity = {"type": "managed", "client_id": sandbox.principal("run-train")["client_id"]}
    given = {
        "grant": {
            "grants": [azure.grant("raw", principal="run-train")],
            "minimum_wait": 0.0,
            "poll_interval": 0.5,
            "deferrable": True,
        },
        "job": {
            "job": {
                "type": "command",
                "command": "cat ${{inputs.data}}/data.txt && exit 3",
                "environment": IMAGE,
                "inputs": {"data": {"type": "uri_folder", "path": "azureml://datastores/raw/paths/wire/"}},
                "identity": identity,
            },
            "poll_interval": 1,
        },
    }
    running = {}
    for name, python in PYTHONS.items():
        (tmp_path / name).mkdir()
        running[name] = begin(str(python), sandbox, tmp_path / name, given)
    try:
        printed = {name: process.communicate(timeout=240)[0] for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
    for name, process in running.items():
        assert process.returncode == 0, f"{name}: {printed[name][-5000:]}"
        found = json.loads(printed[name].rpartition("FOUND ")[2].splitlines()[0])
        wanted = {"grant": "success", "train": "failed", "revoke": "success"}
        assert found["tasks"] == wanted, f"{name}: {printed[name][-5000:]}"
        assert "hello from the lake" in printed[name], name
        assert len(found["revoked"]) == 1, name
    effects = azure.effects()
    who = sandbox.principal("run-train")["object_id"]
    assert {(principal, role) for _, principal, role in effects} == {(who, READER)}
    assert [effect for effect, _, _ in effects].count("created") == [e for e, _, _ in effects].count(
        "deleted"
    )
    assert azure.held("raw", "run-train") == []
