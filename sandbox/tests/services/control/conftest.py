# SPDX-License-Identifier: Apache-2.0
"""One small cloud for the control API's tests: a workspace, a vault, an application to rotate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.clock import COMPONENTS
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox, serving

ML = "Microsoft.MachineLearningServices/workspaces"
SEED: dict[str, Any] = {
    "resource_groups": ["rg"],
    "applications": [
        {"name": "admin", "app_roles": ["Application.ReadWrite.All"]},
        {"name": "other"},
        {"name": "rotated"},
    ],
    "managed_identities": [{"name": "runner", "resource_group": "rg"}],
    "host_identities": ["runner"],
    "storage_accounts": [{"name": "wsstore", "resource_group": "rg", "hns": False, "shared_key": True}],
    "workspaces": [
        {"name": "ws", "resource_group": "rg", "storage_account": "wsstore", "identities": ["runner"]}
    ],
    "key_vaults": [
        {
            "name": "vault1",
            "resource_group": "rg",
            "secrets": [{"name": "seeded", "application": "rotated"}],
        }
    ],
    "role_assignments": [
        {"principal": "admin", "role": "Owner", "scope": "subscription"},
        {"principal": "admin", "role": "Key Vault Administrator", "scope": "vault:vault1"},
        {"principal": "other", "role": "Reader", "scope": "subscription"},
    ],
}


class Cloud:
    """The sandbox as its administrator uses it, and as a test breaks it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.data = sandbox.cloud.data
        self.group = sandbox.cloud.group_scope("rg")
        self.workspace = f"{self.group}/providers/{ML}/ws"

    def arm(self, method: str, path: str, body: Any = None, who: str = "admin") -> httpx.Response:
        """``path`` is an ARM id, or a path below the workspace that begins with ``./``."""
        url = f"https://management.azure.com{path.replace('./', self.workspace + '/', 1)}?api-version=2024-10-01"
        return self.sandbox.http.request(method, url, headers=self.sandbox.bearer(who), json=body)

    def vault(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"https://vault1.vault.azure.net{path}?api-version=7.4"
        headers = self.sandbox.bearer("admin", "https://vault.azure.net")
        return self.sandbox.http.request(method, url, headers=headers, json=body)

    def graph(self, path: str, body: Any) -> httpx.Response:
        url = (
            f"https://graph.microsoft.com/v1.0/applications(appId='{stable_guid('application', 'rotated')}')"
        )
        headers = self.sandbox.bearer("admin", "https://graph.microsoft.com")
        return self.sandbox.http.post(url + path, headers=headers, json=body)

    def submit(self, name: str, command: str = "sleep 30", **properties: Any) -> httpx.Response:
        return self.arm("PUT", f"./jobs/{name}", self.job(command, **properties))

    def job(self, command: str = "sleep 30", **properties: Any) -> dict[str, Any]:
        environment = f"{self.workspace}/environments/plain/versions/1"
        self.arm("PUT", environment, {"properties": {"image": "ubuntu"}})
        job = {"jobType": "Command", "command": command, "environmentId": environment}
        return {"properties": {**job, "identity": {"identityType": "Managed"}, **properties}}

    def fault(self, match: dict[str, Any], phase: str, **action: Any) -> dict[str, Any]:
        answer = self.sandbox.control(
            "POST", "/faults", json={"match": match, "phase": phase, "action": action}
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def timeline(self, match: dict[str, Any], *states: tuple[float, str | None], **more: Any) -> None:
        """States as pairs of seconds and status; None is gone."""
        timeline = {"match": match, "states": [self.state(*state) for state in states], **more}
        answer = self.sandbox.control("POST", "/timelines", json=timeline)
        assert answer.status_code == 201, answer.text

    @staticmethod
    def state(after: float, status: str | None) -> dict[str, Any]:
        return {"after": after, **({"status": status} if status else {"gone": True})}

    def lags(self, **lags: float) -> None:
        answer = self.sandbox.control("POST", "/lags", json=lags)
        assert answer.status_code == 200, answer.text

    def login(self, name: str, secret: str) -> httpx.Response:
        """A token request with a client secret."""
        url = f"https://login.microsoftonline.com/{self.sandbox.cloud.tenant_id}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": stable_guid("application", name)}
        scope = "https://management.azure.com/.default"
        return self.sandbox.http.post(url, data={**form, "client_secret": secret, "scope": scope})

    def secret(self) -> str:
        """The latest client secret of the application ``rotated``."""
        return str(self.vault("GET", "/secrets/seeded").json()["value"])

    def clock(self, **change: Any) -> dict[str, Any]:
        answer = self.sandbox.control("POST", "/clock", json=change)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self, name: str) -> str:
        return str(self.arm("GET", f"./jobs/{name}").json()["properties"]["status"])

    def ledger(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.sandbox.control("GET", "/ledger", params=query).json()["value"])

    def effects(self, subject: str) -> list[str]:
        """What happened to the thing whose id ends so, in order."""
        return [row["effect"] for row in self.ledger() if row["subject"].endswith(subject)]

    def object_id(self, name: str) -> str:
        from azure_sandbox.kernel.ports import Directory

        return self.sandbox.cloud.port(Directory).object_id_by_name(name) or ""


@pytest.fixture(scope="module")
def _module_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with serving(tmp_path_factory.mktemp("cloud"), SEED) as sandbox:
        yield Cloud(sandbox)


@pytest.fixture
def cloud(_module_cloud: Cloud) -> Iterator[Cloud]:
    """The module's cloud, in good health before and after each test."""
    yield _module_cloud
    for path in ("/faults", "/timelines", "/throttle", "/lags"):
        _module_cloud.sandbox.control("DELETE", path)
    _module_cloud.clock(freeze=False, skew=dict.fromkeys(COMPONENTS, 0))


@pytest.fixture
def frozen(cloud: Cloud) -> Cloud:
    """The module's cloud, whose clock moves only when told to."""
    cloud.clock(freeze=True)
    return cloud
