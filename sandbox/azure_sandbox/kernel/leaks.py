# SPDX-License-Identifier: Apache-2.0
"""What somebody left behind: jobs that still run, and client secrets that nobody can read any more."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import Identity, Password
from azure_sandbox.kernel.ports import ActiveJobs, Registry, Vaults

#: The property by which a client marks the jobs of one of its installations.
DEPLOYMENT = "airflow.deployment"


def find_leaks(cloud: Cloud, deployment: str) -> dict[str, list[dict[str, Any]]]:
    """Jobs of a deployment that have not ended, and live client secrets that no version of any Key
    Vault secret holds, whoever made them."""
    kept = cloud.port(Vaults).values()
    now = cloud.clock.time()
    passwords = [
        _described(identity, password)
        for identity in cloud.port(Registry).identities()
        for password in identity.passwords
        if password.end > now and not any(password.matches(value) for value in kept)
    ]
    return {"jobs": cloud.port(ActiveJobs).active(DEPLOYMENT, deployment), "passwords": passwords}


def _described(identity: Identity, password: Password) -> dict[str, Any]:
    return {
        "application": identity.name,
        "client_id": identity.client_id,
        "key_id": password.key_id,
        "display_name": password.display_name,
        "end": password.end,
    }
