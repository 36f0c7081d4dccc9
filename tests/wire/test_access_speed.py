# SPDX-License-Identifier: Apache-2.0
"""`access check` of 50 tasks and 20 identities: at most 10 s and 300 requests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.wire.conftest import ROOT, start, stop
from tests.wire.empty_seed import empty_seed
from tests.wire.exported import auditing

IDENTITIES, TASKS = 20, 50
MOST_SECONDS, MOST_REQUESTS = 10.0, 300
SCRIPT = Path(__file__).parent / "clients" / "access_speed.py"
DAGS = ROOT / "dags_examples"


def identity(number: int) -> dict[str, Any]:
    """Its part of the manifest; every job reads raw data and writes features and models."""
    return {
        "tasks": [f"d.t{task}" for task in range(TASKS) if task % IDENTITIES == number],
        "submitter": {
            "application": f"app-{number}",
            "roles": [
                {"role": "AML Job Submitter", "scope": "workspace:nightly"},
                {"role": "Managed Identity Operator", "scope": f"identity:run-{number}"},
            ],
        },
        "run": {
            "managed_identity": f"run-{number}",
            "data": [
                {"container": "nightlylake/raw", "access": "read"},
                {"container": "nightlylake/features", "access": "write"},
                {"container": "nightlylake/models", "access": "write"},
            ],
        },
    }


def seed(path: Path) -> None:
    """All that the manifest declares is there."""
    content = yaml.safe_load(empty_seed(path).read_text())
    roles = yaml.safe_load((ROOT / "demo" / "seed.yaml").read_text())["role_definitions"]
    content["role_definitions"] = roles
    for number in range(IDENTITIES):
        app, run = f"app-{number}", f"run-{number}"
        content["applications"].append({"name": app})
        content["managed_identities"].append({"name": run, "resource_group": "nightly"})
        content["workspaces"][0].setdefault("identities", []).append(run)
        data = {"raw": "Reader", "features": "Contributor", "models": "Contributor"}
        content["role_assignments"] += [
            {"principal": app, "role": "AML Job Submitter", "scope": "workspace:nightly"},
            {"principal": app, "role": "Managed Identity Operator", "scope": f"identity:{run}"},
            *(
                {
                    "principal": run,
                    "role": f"Storage Blob Data {role}",
                    "scope": f"container:nightlylake/{name}",
                }
                for name, role in data.items()
            ),
        ]
    path.write_text(yaml.safe_dump(content))


def test_fifty_tasks_and_twenty_identities_are_checked_within_the_goal(tmp_path: Path) -> None:
    seed(tmp_path / "seed.yaml")
    process, sandbox = start(tmp_path / "data", tmp_path / "seed.yaml")
    try:
        manifest = {
            "version": 1,
            "subscription_id": sandbox.description["subscription_id"],
            "resource_group": "nightly",
            "workspaces": {"nightly": {}},
            "accounts": {"nightlylake": {}},
            "identities": {f"i{number}": identity(number) for number in range(IDENTITIES)},
        }
        (tmp_path / "access.yaml").write_text(yaml.safe_dump(manifest))
        tasks = [
            {
                "task": f"t{task}",
                "folder": str(DAGS),
                "conn_id": "c",
                "fields": {
                    "job": f"jobs/{('prep', 'train')[task % 2]}.yml",
                    "identity": {
                        "type": "managed",
                        "client_id": sandbox.principal(f"run-{task % IDENTITIES}")["client_id"],
                    },
                },
            }
            for task in range(TASKS)
        ]
        (tmp_path / "tasks.json").write_text(json.dumps(tasks))
        environment = auditing(sandbox, tmp_path)
        before = len(sandbox.requests())
        command = [sys.executable, str(SCRIPT), str(tmp_path / "access.yaml"), str(tmp_path / "tasks.json")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-4000:]
        found = json.loads(done.stdout.rpartition("FOUND ")[2])
        requests = len(sandbox.requests()) - before
    finally:
        stop(process)
    sys.stdout.write(
        f"check of {TASKS} tasks and {IDENTITIES} identities: {found['rows']} lines, {requests} requests "
        f"(goal {MOST_REQUESTS}), {found['seconds']:.1f} s (goal {MOST_SECONDS:.0f})\n"
    )
    unread = [row for row in found["findings"] if row["plane"] != "Airflow"]
    assert unread == []
    assert requests <= MOST_REQUESTS
    assert found["seconds"] <= MOST_SECONDS
