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
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a client may know of a running sandbox, seeded as the demo's: the content of `cloud.json`."""
    data = tmp_path_factory.mktemp("sandbox")
    seed = ROOT / "demo" / "seed.yaml"
    command = [sys.executable, "-m", "azure_sandbox", "serve", "--data", str(data), "--seed", str(seed)]
    with (data / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--proxy-port", "0", "--metadata-port", "0"],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT / "sandbox")},
        )
    deadline = time.monotonic() + START_SECONDS
    while not (data / "cloud.json").exists():
        assert process.poll() is None, (data / "sandbox.log").read_text()[-3000:]
        assert time.monotonic() < deadline, "the sandbox did not start in time"
        time.sleep(0.05)
    yield json.loads((data / "cloud.json").read_text())
    process.send_signal(signal.SIGINT)
    process.wait(20)


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
