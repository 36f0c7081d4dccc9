# SPDX-License-Identifier: Apache-2.0
"""A sandbox of this session's own, and the connection that Airflow reaches it with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.deployment import Deployment, deployed
from tests.airflow.ledger import Ledger
from tests.airflow.scenarios import failpoints

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags" / "scenario_dags.py"
START_SECONDS = 60


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running sandbox, seeded as the demo's."""
    data = tmp_path_factory.mktemp("sandbox")
    seed = ROOT / "demo" / "seed.yaml"
    command = [sys.executable, "-m", "azure_sandbox", "serve", "--data", str(data), "--seed", str(seed)]
    with (data / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--proxy-port", "0", "--metadata-port", "0"],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT / "sandbox"), "AZURE_SANDBOX_JOBS": "64"},
        )
    deadline = time.monotonic() + START_SECONDS
    while not (data / "cloud.json").exists():
        assert process.poll() is None, (data / "sandbox.log").read_text()[-3000:]
        assert time.monotonic() < deadline, "the sandbox did not start in time"
        time.sleep(0.05)
    yield data
    process.send_signal(signal.SIGINT)
    process.wait(20)


@pytest.fixture(scope="session")
def cloud(sandbox: Path) -> dict[str, Any]:
    """What a client may know of the sandbox: the content of `cloud.json`."""
    return dict(json.loads((sandbox / "cloud.json").read_text()))


@pytest.fixture(scope="session")
def ledger(sandbox: Path) -> Iterator[Ledger]:
    """What really happened in it."""
    with closing(Ledger(sandbox)) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def deployment(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Airflow in four processes on PostgreSQL, one for all tests of this folder."""
    folder = tmp_path_factory.mktemp("deployment")
    for name in ("releases", "failpoints"):
        (folder / name).mkdir()
    own = {
        "AZML_TEST_RELEASES": str(folder / "releases"),
        "AZML_FAILPOINTS": failpoints(),
        "AZML_FAILPOINTS_DIR": str(folder / "failpoints"),
    }
    with deployed(folder, {**environment, **own}, [DAGS]) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def environment(cloud: dict[str, Any]) -> dict[str, str]:
    """The variables of a worker on a machine whose managed identity vouches for the submitter."""
    principals = cloud["principals"]
    extra = {
        "auth": "federated",
        "tenant_id": cloud["tenant_id"],
        "client_id": principals["airflow-train"]["client_id"],
        "federated_source": "managed_identity",
        "source_client_id": principals["airflow-worker"]["client_id"],
        "subscription_id": cloud["subscription_id"],
        "resource_group": "nightly",
        "workspace_name": "nightly",
    }
    return {
        **cloud["environment"],
        "AIRFLOW_CONN_AZUREML_DEFAULT": json.dumps({"conn_type": "azureml", "extra": extra}),
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": "tests",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "RUN_IDENTITY": principals["run-train"]["client_id"],
    }
