# SPDX-License-Identifier: Apache-2.0
"""The hooks against the sandbox, as the demo's connections: who they become, and what they may do.

They run in a process of their own, since aiohttp reads the certificate authority when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.azure import Azure
from demo.connections import TASKS, variables
from tests.wire.conftest import ROOT, Sandbox

SCRIPT = Path(__file__).parent / "clients" / "provider_hooks.py"


@pytest.fixture(scope="module")
def found(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {
        **sandbox.environment,
        **variables(Azure(sandbox.description)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
    }
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(SCRIPT)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert "unclosed" not in done.stderr.lower()
    result: dict[str, Any] = json.loads(done.stdout.rpartition("FOUND ")[2])
    return result


@pytest.mark.parametrize(("connection", "principal"), sorted({(item[0], item[1]) for item in TASKS.values()}))
def test_each_connection_becomes_its_own_principal(
    found: dict[str, Any], sandbox: Sandbox, connection: str, principal: str
) -> None:
    expected = sandbox.description["principals"][principal]
    identity = found["identities"][connection]
    assert (identity["object_id"], identity["client_id"]) == (expected["object_id"], expected["client_id"])
    assert identity["works"]


TOLD = {
    "azureml_rotation": ["ALLOWED sign in to ARM", "UNKNOWN list the vault's secrets"],
    "azureml_land": ["ALLOWED sign in to ARM", "UNKNOWN list the lake's containers"],
    "azureml_prep": [
        "ALLOWED sign in to ARM",
        "ALLOWED read the workspace",
        "ALLOWED submit jobs",
        "ALLOWED cancel jobs",
    ],
    "azureml_registry": [
        "ALLOWED sign in to ARM",
        "ALLOWED read the workspace",
        "DENIED submit jobs",
        "DENIED cancel jobs",
    ],
}


@pytest.mark.parametrize("connection", TOLD)
def test_the_test_button_tells_what_a_connection_can_do(found: dict[str, Any], connection: str) -> None:
    head, *lines = found["identities"][connection]["told"].splitlines()
    assert found["identities"][connection]["object_id"] in head
    assert [" ".join(line.split(":")[0].split()) for line in lines] == TOLD[connection]


def test_the_test_button_tells_how_it_signed_in(found: dict[str, Any], sandbox: Sandbox) -> None:
    worker = sandbox.principal("airflow-worker")["client_id"]
    told = found["identities"]["azureml_prep"]["told"]
    assert told.startswith(
        f"Signed in, federated by managed_identity (client_id {worker}, from IMDS): tenant "
    )


def test_the_lake_takes_files_of_any_size_and_gives_them_back(found: dict[str, Any]) -> None:
    lake = found["lake"]
    assert lake["sizes"] == [9_000_000, 5, 0]
    assert lake["listed"] == ["/big.bin", "/empty", "/ü/small.txt"]
    assert lake["nowhere"] == []
    assert (lake["small"], lake["same"]) == ("hello", [9_000_000, True])
    assert lake["exists"] == [True, False]


def test_the_lake_says_no_with_azures_code(found: dict[str, Any]) -> None:
    assert found["lake"]["denied"] == ["DeniedError", 403, "AuthorizationPermissionMismatch"]
    assert found["lake"]["again"] == ["ServiceError", 409, "PathAlreadyExists"]


def test_a_folder_is_deleted_with_all_that_is_in_it_and_once(found: dict[str, Any]) -> None:
    assert found["lake"]["deleted"] == [True, False, False]


def test_the_vault_gives_the_secret_and_never_switches_off_its_latest_version(found: dict[str, Any]) -> None:
    assert found["vault"]["length"] > 10
    assert found["vault"]["enabled"] == [True]
    assert found["vault"]["latest_stays"] == ["ServiceError", 409, "LatestVersion"]
    assert found["vault"]["unknown"][0] == "DeniedError"


def test_code_is_uploaded_once_and_a_job_submitted_twice_is_one_job(found: dict[str, Any]) -> None:
    assert found["flows"]["code_is_shared"]
    assert found["flows"]["same_job"]
    assert found["flows"]["listed"]
    assert found["flows"]["missing"]
    assert found["flows"]["created_by"]


def test_a_cancel_that_is_waited_for_ends_the_job(found: dict[str, Any]) -> None:
    assert found["flows"]["ended"] in ("Canceled", "CancelRequested")


def test_an_event_loop_asks_for_many_jobs_in_one_call_and_shares_its_session(found: dict[str, Any]) -> None:
    assert found["flows"]["batch"] == {"known": True, "unknown": "NotFoundError", "many": 1}
