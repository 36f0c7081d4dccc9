# SPDX-License-Identifier: Apache-2.0
"""Rotation on the sandbox, whose Entra spreads a new password slowly and shows it once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox

SCRIPT = Path(__file__).parent / "clients" / "provider_rotation.py"
Rotate = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def secrets_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every secret that was made, one per line."""
    return tmp_path_factory.mktemp("made") / "secrets"


@pytest.fixture(scope="module")
def rotate(sandbox: Sandbox, secrets_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Rotate:
    environment = {
        **sandbox.environment,
        **variables(Azure(sandbox.description)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "SECRETS_FILE": str(secrets_file),
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
    }

    def run(name: str, kill_after: int = 0) -> tuple[int, dict[str, Any], str]:
        command = [sys.executable, str(SCRIPT), name, str(kill_after)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        said = done.stdout + done.stderr
        if done.returncode == 0:
            return 0, json.loads(done.stdout.rpartition("FOUND ")[2]), said
        assert done.returncode == -signal.SIGKILL, said[-6000:]
        return done.returncode, {}, said

    return run


@pytest.fixture(scope="module")
def rotated(rotate: Rotate) -> dict[str, Any]:
    """After a first night: one password of ours, one version of ours."""
    return rotate("first")[1]


def test_a_rotation_leaves_a_version_that_works_and_one_password(rotated: dict[str, Any]) -> None:
    state = rotated["state"]
    assert state["latest_works"]
    assert state["consumer"]
    assert state["ours"] == state["enabled"] == [rotated["result"]["key_id"]]
    assert state["foreign"] == 1


def test_a_second_run_of_the_same_occasion_rotates_nothing(rotate: Rotate, rotated: dict[str, Any]) -> None:
    assert rotate("first")[1]["result"]["version"] == rotated["result"]["version"]


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize("kill_after", [1, 2, 3, 4])  # add, publish, disable, remove
def test_a_rotation_killed_between_any_two_steps_is_mended_by_a_rerun(
    rotate: Rotate, secrets_file: Path, kill_after: int
) -> None:
    night = f"night-{kill_after}"
    code, _, said = rotate(night, kill_after)
    assert code == -signal.SIGKILL
    _, after, said_after = rotate(night)
    between = after["before"]
    assert between["latest_works"]
    assert between["consumer"]
    assert len(between["ours"]) <= 2
    assert after["state"]["latest_works"]
    assert after["state"]["consumer"]
    assert after["state"]["ours"] == after["state"]["enabled"] == [after["result"]["key_id"]]
    secrets = secrets_file.read_text().split()
    assert len(secrets) >= 2
    assert not any(secret in said + said_after for secret in secrets)
