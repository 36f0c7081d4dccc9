# SPDX-License-Identifier: Apache-2.0
"""The operators in a real Airflow, by `dag.test()`, on the installed version and on 2.11.

The interpreter of Airflow 2.11's virtual environment is named by `AIRFLOW_2_PYTHON` (`make test` builds it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HELLO = """
type: command
command: echo hello from the job && sleep 2 && echo $AIRFLOW_TRY && exit {code}
environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
"""
DENIED = """
type: command
command: ls ${{{{inputs.raw}}}}
environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
inputs: {{raw: {{type: uri_folder, path: azureml://datastores/raw/paths/flights, mode: download}}}}
identity: {{type: managed, client_id: {identity}}}
"""


class Airflow:
    """Runs the DAG of `run_dag.py` in a fresh Airflow of one version."""

    def __init__(self, python: str, environment: dict[str, str], folder: Path) -> None:
        self.python = python
        self.environment = environment
        self.folder = folder

    def run(self, definition: str, **options: Any) -> tuple[dict[str, Any], str]:
        """The outcome, and everything that was logged."""
        job = self.folder / "job.yml"
        job.write_text(definition)
        own = {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
        }
        answer = subprocess.run(
            [self.python, str(HERE / "run_dag.py"), str(job), json.dumps(options)],
            env={**self.environment, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout[-4000:]
        return json.loads(answer.stdout.splitlines()[-1]), answer.stdout


@pytest.fixture(params=["installed", "2.11"])
def airflow(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Airflow:
    """Both ends of the range of supported versions."""
    python = sys.executable if request.param == "installed" else os.environ.get("AIRFLOW_2_PYTHON")
    assert python is not None, "AIRFLOW_2_PYTHON is not set; run the tests with `make test`"
    return Airflow(python, environment, tmp_path)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_job_runs_and_its_result_is_the_same_in_both_modes(airflow: Airflow, deferrable: bool) -> None:
    outcome, log = airflow.run(HELLO.format(code=0), deferrable=deferrable)
    assert ("running trigger in line" in log) == deferrable
    if outcome["has_trigger_on_kill"]:  # 2.11 shows a trigger's log in its triggerer only
        assert log.count("hello from the job ") == 1
    assert outcome["tasks"] == {"run": "success", "seen": "success"}
    assert outcome["seen"] == (["success", 1] if outcome["airflow"].startswith("2.") else None)
    assert outcome["state"] == "success"
    result = outcome["result"]
    assert sorted(result) == ["metrics", "name", "outputs", "status", "studio_url"]
    assert result["status"] == "Completed"
    assert result["name"].startswith("proof-run-")
    assert result["name"].endswith("-0")
    assert outcome["studio_url"] == result["studio_url"]


def test_a_failed_job_fails_the_task_with_azures_reason(airflow: Airflow) -> None:
    outcome, log = airflow.run(HELLO.format(code=3), deferrable=True)
    assert outcome["tasks"]["run"] == "failed"
    assert outcome["result"] is None
    assert "ended as Failed" in log
    assert "exited with status code 3" in log
    assert outcome["studio_url"].startswith("https://ml.azure.com/runs/proof-run-")


def test_a_denied_mount_is_explained_with_its_mend(environment: dict[str, str], tmp_path: Path) -> None:
    identity = environment["RUN_IDENTITY"]
    outcome, log = Airflow(sys.executable, environment, tmp_path).run(
        DENIED.format(identity=identity), deferrable=True
    )
    assert outcome["tasks"]["run"] == "failed"
    assert "ScriptExecution.StreamAccess.Authentication" in log
    assert "Why (data plane)" in log
    assert f"az role assignment create --assignee {identity} --role 'Storage Blob Data Reader'" in log


def test_without_waiting_the_task_ends_once_the_job_is_submitted(
    environment: dict[str, str], tmp_path: Path
) -> None:
    outcome, _ = Airflow(sys.executable, environment, tmp_path).run(
        HELLO.format(code=0), wait_for_completion=False
    )
    assert outcome["tasks"] == {"run": "success", "seen": "success"}
    assert outcome["result"]["status"] not in ("Completed", "Failed", "Canceled")


def test_bad_input_is_one_clear_error_and_no_job(environment: dict[str, str], tmp_path: Path) -> None:
    definition = "type: command\ncommad: x\nenvironment: azureml:e:1\n"
    outcome, log = Airflow(sys.executable, environment, tmp_path).run(definition)
    assert outcome["tasks"]["run"] == "failed"
    assert "field 'command': is missing. Add it. Is 'commad' meant for it?" in log
    assert outcome["studio_url"] is None
