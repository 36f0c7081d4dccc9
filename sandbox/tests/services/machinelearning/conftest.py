# SPDX-License-Identifier: Apache-2.0
"""One workspace with two submitters, two run identities, and a lake of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.ports import Directory, Lake
from azure_sandbox.testing import serving

ML = "Microsoft.MachineLearningServices/workspaces"

SUBMITTER_ACTIONS = [
    f"{ML}/read",
    *(f"{ML}/jobs/{verb}" for verb in ("read", "write", "delete", "cancel/action")),
    *(
        f"{ML}/{kind}/versions/{verb}"
        for kind in ("codes", "environments", "data", "models", "components")
        for verb in ("read", "write")
    ),
    *(f"{ML}/{kind}/read" for kind in ("computes", "datastores", "models", "data")),
    f"{ML}/datastores/listsecrets/action",
    f"{ML}/experiments/runs/read",
    f"{ML}/experiments/runs/write",
    f"{ML}/metadata/artifacts/read",
]

SEED: dict[str, Any] = {
    "resource_groups": ["rg"],
    "applications": [{"name": "submitter"}, {"name": "stranger"}],
    "managed_identities": [
        {"name": "runner", "resource_group": "rg"},
        {"name": "powerless", "resource_group": "rg"},
        {"name": "detached", "resource_group": "rg"},
    ],
    "storage_accounts": [
        {"name": "wsstore", "resource_group": "rg", "hns": False, "shared_key": True},
        {"name": "lake", "resource_group": "rg", "hns": True, "shared_key": False, "containers": ["data"]},
    ],
    "workspaces": [
        {
            "name": "ws",
            "resource_group": "rg",
            "storage_account": "wsstore",
            "identities": ["runner", "powerless"],
            "computes": [{"name": "cluster", "type": "AmlCompute", "identity": "runner"}],
            "datastores": [{"name": "data", "account": "lake", "container": "data", "credentials": "none"}],
        }
    ],
    "role_definitions": [{"name": "Submitter", "actions": SUBMITTER_ACTIONS}],
    "role_assignments": [
        {"principal": "submitter", "role": "Submitter", "scope": "workspace:ws"},
        {"principal": "submitter", "role": "Managed Identity Operator", "scope": "group:rg"},
        {"principal": "runner", "role": "Storage Blob Data Contributor", "scope": "container:lake/data"},
    ],
}


class Workspace:
    """The workspace as a client sees it, logged in as one principal."""

    def __init__(self, sandbox: Any, principal: str = "submitter") -> None:
        self.sandbox = sandbox
        self.cloud = sandbox.cloud
        self.principal = principal
        self.scope = f"/subscriptions/{self.cloud.subscription_id}/resourceGroups/rg/providers/{ML}/ws"

    def as_(self, principal: str) -> Workspace:
        return Workspace(self.sandbox, principal)

    def arm(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        return self._send(f"https://management.azure.com{self.scope}{path}", method, body, query)

    def region(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        """``{ws}`` in the path stands for the workspace."""
        host = f"https://{self.cloud.location}.api.azureml.ms"
        return self._send(host + path.replace("{ws}", self.scope), method, body, query)

    def history(self, name: str, below: str = "") -> httpx.Response:
        return self.region("GET", f"/history/v1.0{{ws}}/runs/{name}{below}")

    def submit(self, name: str, **properties: Any) -> httpx.Response:
        return self.arm("PUT", f"/jobs/{name}", {"properties": {**self.command(), **properties}})

    def command(self) -> dict[str, Any]:
        """A job that needs no package; its environment is registered on the way."""
        version = f"{self.scope}/environments/plain/versions/1"
        self.arm("PUT", "/environments/plain/versions/1", {"properties": {"image": "ubuntu"}})
        return {
            "jobType": "Command",
            "command": "echo hello",
            "environmentId": version,
            "identity": self.managed("runner"),
        }

    def managed(self, name: str) -> dict[str, str]:
        return {"identityType": "Managed", "clientId": self.identity(name).client_id}

    def identity(self, name: str) -> Any:
        directory = self.cloud.port(Directory)
        return directory.managed_identity(directory.object_id_by_name(name))

    def wait(self, name: str, *until: str, seconds: float = 90) -> dict[str, Any]:
        """The job once its status is one of ``until``, by default once it has ended."""
        wanted = until or ("Completed", "Failed", "Canceled")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.arm("GET", f"/jobs/{name}").json()
            if job["properties"]["status"] in wanted:
                return dict(job["properties"])
            time.sleep(0.1)
        raise AssertionError(f"{name} is {job['properties']['status']}, not {wanted}; {self.log(name)}")

    def ended(self, name: str, **properties: Any) -> str:
        """Submit and wait; the final status."""
        answer = self.submit(name, **properties)
        assert answer.status_code == 201, answer.text
        return str(self.wait(name)["status"])

    def log(self, name: str) -> str:
        urls = self.history(name, "/details").json()["logFiles"]
        url = urls.get("user_logs/std_log.txt")
        return self.sandbox.http.get(url).text if url else str(urls)

    def error(self, name: str) -> str:
        return str(self.history(name, "/details").json()["error"]["error"]["message"])

    @property
    def lake(self) -> Any:
        return self.cloud.port(Lake)

    def blob_store(self) -> str:
        return f"azureml-blobstore-{stable_guid('workspace', 'rg', 'ws')}"

    def _send(self, url: str, method: str, body: Any, query: dict[str, str]) -> httpx.Response:
        headers = self.sandbox.bearer(self.principal)
        address = httpx.URL(url).copy_merge_params({"api-version": "2024-10-01", **query})
        return self.sandbox.http.request(method, address, headers=headers, json=body)


@pytest.fixture(scope="module")
def _module_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serving(tmp_path_factory.mktemp("cloud"), SEED) as sandbox:
        yield Workspace(sandbox)


@pytest.fixture
def workspace(_module_workspace: Workspace) -> Workspace:
    """A workspace that the tests of a module share."""
    return _module_workspace


@pytest.fixture
def fresh_workspace(serve: Callable[..., Any]) -> Workspace:
    """A workspace of the test's own."""
    return Workspace(serve(SEED))


@pytest.fixture
def restartable(tmp_path: Path) -> Callable[[], AbstractContextManager[Workspace]]:
    """``with restartable() as workspace``: each time another sandbox over the same data."""

    @contextmanager
    def start() -> Iterator[Workspace]:
        with serving(tmp_path / "cloud", SEED) as sandbox:
            yield Workspace(sandbox)

    return start


@pytest.fixture(scope="module")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from sandbox.tests.services.machinelearning.lab import Lab, lab_seed

    with serving(tmp_path_factory.mktemp("lab"), lab_seed()) as sandbox:
        lab = Lab(sandbox)
        lab.lake.write("vault0", "data", "in/a.txt", b"alpha")
        yield lab


@pytest.fixture
def lab(_lab: Any) -> Iterator[Any]:
    """A workspace to break; its account is opened again after each test."""
    from sandbox.tests.services.machinelearning.lab import OPEN

    yield _lab
    _lab.account("vault0", **OPEN)
