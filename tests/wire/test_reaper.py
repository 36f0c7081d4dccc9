# SPDX-License-Identifier: Apache-2.0
"""The reaper over HTTP against the sandbox, with a real Airflow's database, from both ends of its versions.

The jobs are there by real submits; the command line asks the database, the task asks as a task does: on
Airflow 3 through its supervisor and the execution API, on 2.11 the database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from demo.azure import Azure
from demo.connections import variables
from tests.wire.conftest import ROOT, Sandbox

SCRIPT = Path(__file__).parent / "clients" / "provider_reaper.py"
PYTHONS = {"installed": sys.executable, "2.11": os.environ.get("AIRFLOW_2_PYTHON")}
DUE = ("failed", "success", "removed", "queued", "deleted run", "shrunk mapping")
LEFT = ("running", "deferred", "None", "up_for_retry", "detached", "unknown dag", "another deployment")


def begin(python: str, sandbox: Sandbox, folder: Path) -> subprocess.Popen[str]:
    own = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__AZUREML__DEPLOYMENT_ID": f"reaper-{uuid.uuid4()}",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [python, str(SCRIPT)],
        env={**sandbox.environment, **variables(Azure(sandbox.description)), **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def both(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in each Airflow. Most of it is their start, so they start together."""
    assert PYTHONS["2.11"], "AIRFLOW_2_PYTHON is not set; run the tests with `make test`"
    running = {
        name: begin(str(python), sandbox, tmp_path_factory.mktemp("airflow"))
        for name, python in PYTHONS.items()
    }
    try:
        printed = {name: process.communicate(timeout=240)[0] for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
    for name, process in running.items():
        assert process.returncode == 0, f"{name}: {printed[name][-5000:]}"
    return {name: json.loads(text.rpartition("FOUND ")[2].splitlines()[0]) for name, text in printed.items()}


@pytest.fixture(params=sorted(PYTHONS))
def found(request: pytest.FixtureRequest, both: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = both[request.param]
    return result


def verdicts(found: dict[str, Any], said: list[str]) -> dict[str, str]:
    """Label of a job -> the word its line begins with."""
    words = {line.split()[1]: line.split()[0] for line in said if line and line.split()[0].isupper()}
    return {label: words[name] for label, name in found["names"].items() if name in words}


def test_the_two_ends_of_the_versions_are_what_is_tested(both: dict[str, Any]) -> None:
    assert [each["airflow"].split(".")[0] for each in both.values()] == ["3", "2"]


def test_a_dry_run_names_every_job_without_a_task_and_changes_none(found: dict[str, Any]) -> None:
    said = verdicts(found, found["dry"]["said"])
    assert {label for label, word in said.items() if word == "CANCEL"} == set(DUE)
    assert said["unknown dag"] == "UNKNOWN"
    assert "another deployment" not in said
    assert {label for label, word in said.items() if word == "LEAVE"} == set(LEFT) - {
        "unknown dag",
        "another deployment",
    }
    tags = {label: tag for label, (_, tag) in found["before"].items() if tag}
    assert tags == {"queued": "killed"}
    assert not {"Canceled", "CancelRequested"} & {status for status, _ in found["before"].values()}
    assert found["dry"]["code"] == 1


def test_a_dry_run_says_where_it_looked_and_how_to_act(found: dict[str, Any]) -> None:
    said = "\n".join(found["dry"]["said"])
    assert "workspaces/nightly" in said
    assert "connection 'azureml_train'" in said
    assert "looked up in sqlite:///" in said
    assert "airflow-azureml reap --conn-id azureml_train --grace 0 --yes" in said


def test_jobs_are_left_for_the_grace_whatever_their_task_is(found: dict[str, Any]) -> None:
    assert set(verdicts(found, found["young"]["said"]).values()) == {"LEAVE"}


def test_with_yes_those_are_cancelled_and_no_other(found: dict[str, Any]) -> None:
    assert {found["after"][label][1] for label in DUE} == {"reaped"}
    assert {found["after"][label][0] for label in DUE} <= {"CancelRequested", "Canceled"}
    assert {tuple(found["after"][label]) for label in LEFT} <= {
        ("Running", ""),
        ("Queued", ""),
        ("Preparing", ""),
    }


def test_the_next_pass_has_nothing_to_do(found: dict[str, Any]) -> None:
    assert "CANCEL" not in verdicts(found, found["again"]["said"]).values()
    assert "0 without a task" in found["again"]["said"][-1]


def test_the_task_cancels_the_same_by_its_own_way_of_asking(found: dict[str, Any]) -> None:
    """On Airflow 3 a DAG that it does not know looks like a deleted run; the database tells them apart."""
    assert found["task"]["state"] == "success"
    result, is_old = found["task"]["result"], found["airflow"].startswith("2.")
    assert (result["dry_run"], result["cancelled"], result["unknown"]) == (
        False,
        *((1, 1) if is_old else (2, 0)),
    )
    assert found["after task"]["deleted again"][1] == "reaped"
    assert found["after task"]["unknown dag"][1] == ("" if is_old else "reaped")
    for label in ("running", "deferred", "None", "up_for_retry", "detached", "another deployment"):
        assert found["after task"][label][1] == ""


def test_after_the_task_the_next_one_has_nothing_to_do(found: dict[str, Any]) -> None:
    assert (found["task again"]["result"]["due"], found["task again"]["result"]["cancelled"]) == (0, 0)
