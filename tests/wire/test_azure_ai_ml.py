# SPDX-License-Identifier: Apache-2.0
"""The unmodified SDK, ``azure-ai-ml``, in a virtual environment of its own.

Nothing of it is patched: the environment names the proxy and the certificate authority, and the test
reads what the scripts in ``clients/`` print last.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wire.conftest import ROOT, Sandbox
from tests.wire.identities import STORAGE, Client

CLIENTS = Path(__file__).parent / "clients"
#: Built by ``make``; its pins are in ``constraints-sdk.txt``.
PYTHON = os.environ.get("AZUREML_SDK_PYTHON", str(ROOT / ".venv-sdk" / "bin" / "python"))

Script = Callable[..., dict[str, Any]]


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex[:8]


@pytest.fixture
def run(sandbox: Sandbox, client: Client, unique: str, tmp_path: Path) -> Script:
    """``run("ml_command.py")`` runs a script as the scientist, and answers with what it reports."""

    def run(script: str, seconds: float = 150) -> dict[str, Any]:
        given = {
            "subscription": sandbox.description["subscription_id"],
            "group": "classic",
            "workspace": "classic",
            "run_client_id": sandbox.principal("run-classic")["client_id"],
            "unique": unique,
        }
        environment = {
            **sandbox.environment,
            "AZURE_TENANT_ID": sandbox.description["tenant_id"],
            "AZURE_CLIENT_ID": sandbox.principal("scientist")["client_id"],
            "AZURE_FEDERATED_TOKEN_FILE": str(client.service_account_file("scientist")),
            "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",
            "AZUREML_RUN_POLLING_INTERVAL_MAX": "2",
            "HOME": str(tmp_path),
            "WIRE_TEST": json.dumps(given),
        }
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [PYTHON, str(CLIENTS / script)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


@pytest.mark.timeout(200)
def test_the_sdk_submits_and_streams_a_command_job_and_registers_its_output(
    run: Script, sandbox: Sandbox, unique: str
) -> None:
    found = run("ml_command.py")
    assert found["status"] == "Completed"
    assert "counted 2 for the SDK" in found["streamed"]
    assert "kept in its folder" in found["streamed"]
    assert found["tags"] == {"wire": unique}
    assert found["studio_url"].startswith(f"https://ml.azure.com/runs/{found['name']}?wsid=")
    downloaded = {Path(path).name: text for path, text in found["files"].items()}
    assert "counted 2 for the SDK" in downloaded["std_log.txt"]
    name, version, path = found["model"]
    assert (name, version) == (f"model-{unique}", "1")
    assert path.startswith("azureml://")
    assert "counted" in path
    assert found["models"] == ["1"]
    assert found["name"] in found["listed"]
    assert "/datastores/workspaceblobstore/paths/" in found["data"]
    # It was the SDK that asked; the output went to the workspace's store, with the key that it keeps.
    seen = sandbox.requests()
    assert any("azure-ai-ml/1." in line["user_agent"] for line in seen)
    written = [line for line in seen if line["path"].endswith(f"/{found['name']}/counted/count.txt")]
    assert [(line["method"], line["status"], line["caller"]) for line in written] == [("PUT", 201, "sas")]


@pytest.mark.timeout(200)
def test_the_sdk_cancels_a_running_job_and_is_told_why_another_failed(run: Script) -> None:
    found = run("ml_cancel.py")
    assert found["running"] == "Running"
    assert found["cancelled"] == "Canceled"
    assert found["failed"] == "Failed"
    assert "exited with status code 3" in found["failure"]
    assert found["missing"].startswith("404 ")


@pytest.mark.timeout(200)
def test_the_sdk_submits_and_streams_a_pipeline_whose_second_step_reads_the_first(run: Script) -> None:
    found = run("ml_pipeline.py")
    assert found["status"] == "Completed"
    assert found["children"] == {"write": "Completed", "read": "Completed"}
    assert "read seven" in found["logs"]["read"]


@pytest.mark.timeout(200)
def test_the_sdk_keeps_datastores_with_each_kind_of_credentials(run: Script) -> None:
    found = run("ml_datastores.py")
    assert found["listed"] == ["key", "none", "principal", "sas"]
    kept = found["found"]
    assert kept["key"]["account_key"] == "a2V5"
    assert kept["sas"]["sas_token"] == "sv=1&sig=x"
    assert kept["principal"]["client_secret"] == "s3cret"
    assert "account_key" not in kept["none"]
    assert found["gone"] == "404"


@pytest.mark.timeout(300)
def test_the_sdk_submits_and_streams_a_spark_job(
    run: Script, sandbox: Sandbox, client: Client, unique: str
) -> None:
    lake = f"https://classiclake.dfs.core.windows.net/data/{unique}/rows/rows.csv"
    headers = {**client.bearer("scientist", STORAGE), "x-ms-version": "2023-11-03"}
    content = b"a,b\n1,2\n3,4\n"
    for method, query, body in (
        ("PUT", "resource=file", b""),
        ("PATCH", "action=append&position=0", content),
        ("PATCH", f"action=flush&position={len(content)}", b""),
    ):
        client.http.request(method, f"{lake}?{query}", content=body, headers=headers).raise_for_status()
    found = run("ml_spark.py", 250)
    assert found["status"] == "Completed", found["streamed"]
    assert "sum 8" in found["streamed"]
    spark = [line for line in sandbox.requests() if "Azure Blob FS" in line["user_agent"]]
    runner = sandbox.principal("run-classic")["object_id"]
    assert {line["object_id"] for line in spark if "dfs" in line["host"]} == {runner}


@pytest.mark.timeout(200)
def test_a_pipeline_from_yaml_is_compiled_by_the_sdk_and_submitted_by_us(run: Script, unique: str) -> None:
    found = run("provider_sdk.py")
    name = found["first"]["name"]
    assert name.startswith("wire-pipe-")
    assert name.endswith("-0")
    assert (found["step"]["status"], found["experiment"]) == ("Completed", "wire")
    assert (found["again"]["name"], found["again"]["status"]) == (name, "Completed")
    assert found["inputs"]["word"] == "eight"
    assert found["inputs"]["AIRFLOW_TRY"] == "1"
    assert found["properties"]["airflow.owner"] == name[:-2]
    assert not [key for key in found["properties"] if "git" in key]
    assert "broken.yml" in found["mistake"]["error"]
    assert "jobs.read." in found["mistake"]["error"]
