# SPDX-License-Identifier: Apache-2.0
"""The demo's Azure before anybody was given anything: its places, who looks, who may do all, nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.wire.conftest import ROOT

OWNER = "owner"
_KEPT = ("auditor",)


def empty_seed(path: Path, *, applications: bool = False) -> Path:
    """Write it.

    :param applications: keep the demo's applications, which ARM cannot make; they have no role.
    """
    seed: dict[str, Any] = yaml.safe_load((ROOT / "demo" / "seed.yaml").read_text())
    audience = "api://AzureADTokenExchange"
    seed["service_accounts"].append(
        {"issuer": "airflow-cluster", "namespace": "tests", "name": OWNER, "audience": audience}
    )
    trust = {
        "name": "tests",
        "issuer": "airflow-cluster",
        "subject": f"system:serviceaccount:tests:{OWNER}",
        "audience": audience,
    }
    owner = {
        "name": OWNER,
        "app_roles": ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"],
        "federated_credentials": [trust],
    }
    kept = [each for each in seed["applications"] if applications or each["name"] in _KEPT]
    seed["applications"] = [*kept, owner]
    # Of the machine that Airflow runs on: it is there before any manifest.
    seed["managed_identities"] = [
        each for each in seed["managed_identities"] if each["name"] == "airflow-worker"
    ]
    seed["host_identities"] = ["airflow-worker"]
    seed["role_definitions"] = []
    seed["role_assignments"] = [each for each in seed["role_assignments"] if each["principal"] in _KEPT]
    seed["role_assignments"].append({"principal": OWNER, "role": "Owner", "scope": "subscription"})
    for vault in seed["key_vaults"]:
        vault["secrets"] = []
    path.write_text(yaml.safe_dump(seed))
    return path
