# SPDX-License-Identifier: Apache-2.0
"""The same operator, deferred, under ``dag.test()`` of the oldest and the newest Airflow that we support."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.azure import Azure
from demo.connections import connections
from tests.wire.conftest import ROOT, Sandbox, start, stop

pytestmark = pytest.mark.timeout(300)

#: Version -> an interpreter that has it. ``make test`` builds the second environment.
AIRFLOWS = {
    "2.11.0": ROOT / ".venv-airflow211" / "bin" / "python",
    "3.3.2": Path(sys.executable),
}
DEFINITION = """
type: command
command: echo one line of the job
environment: {image: "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
resources: {instance_type: Standard_DS3_v2}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    process, sandbox = start(tmp_path_factory.mktemp("sandbox"), ROOT / "demo" / "seed.yaml")
    yield sandbox
    stop(process)


@pytest.mark.parametrize("version", AIRFLOWS)
def test_a_deferred_job_succeeds_under_dag_test(version, sandbox, tmp_path):
    python = AIRFLOWS[version]
    assert python.exists(), f"There is no Airflow {version} at {python}: run `make test`, which builds it."
    output = run_dag(python, sandbox, tmp_path)
    outcome = json.loads(output.splitlines()[-1])
    assert outcome["airflow"] == version
    assert outcome["state"] == "success"
    assert set(outcome["tasks"].values()) == {"success"}
    assert outcome["result"]["status"] == "Completed"
    deferred, rest = output.split("running trigger in line", 1)
    waited, _ = rest.split("Trigger completed", 1)
    assert outcome["result"]["name"] in deferred
    assert "one line of the job" in waited, "the trigger shows the job's log while it waits"
    assert "unhandled exception" not in output


def run_dag(python: Path, sandbox: Sandbox, folder: Path) -> str:
    """Run ``run_dag.py`` with that Python; what it prints."""
    azure = Azure(sandbox.description)
    definition = folder / "job.yml"
    definition.write_text(DEFINITION, encoding="utf8")
    options = {"deferrable": True, "identity": {"type": "managed", "client_id": azure.client_id("run-train")}}
    environment = {
        **{k: v for k, v in sandbox.environment.items() if not k.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "test",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps(connections(azure)["azureml_train"]),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        str(python),
        str(ROOT / "tests" / "airflow" / "run_dag.py"),
        str(definition),
        json.dumps(options),
    ]
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
