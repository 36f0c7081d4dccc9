# SPDX-License-Identifier: Apache-2.0
"""The broker of the wire tests: its connection, what it grants, and the sandbox's word on what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.identity import resolver
from tests.wire.conftest import Sandbox
from tests.wire.identities import ARM, Client

BROKER, LAND = "azureml_broker", "azureml_land"
ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


class Azure:
    """The sandbox as these tests ask it."""

    def __init__(self, sandbox: Sandbox, client: Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self._read_to = 0
        self.effects()

    def container(self, name: str, account: str = "nightlylake") -> str:
        """ARM id of a container of the demo's lake."""
        scope = self.sandbox.scope("nightly", "Microsoft.Storage/storageAccounts", account)
        return f"{scope}/blobServices/default/containers/{name}"

    def grant(
        self, container: str = "models", principal: str = "airflow-land", **more: str
    ) -> dict[str, str]:
        """A reader's grant, as a person writes it."""
        who = self.sandbox.principal(principal)["object_id"]
        role = {"principal_id": who, "role": "Storage Blob Data Reader"}
        return {**role, "scope": self.container(container), **more}

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox's control API."""
        told = json.loads((self.sandbox.data / "control.json").read_text())
        headers = {"Authorization": f"Bearer {told['token']}"}
        answer = self.client._plain.request(method, told["url"] + path, headers=headers, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def effects(self) -> list[tuple[str, str, str]]:
        """(effect, principal, role) of role assignments since the last call, by the ledger."""
        rows = self.control("GET", f"/ledger?since={self._read_to}&kind=role-assignment")["value"]
        self._read_to = rows[-1]["sequence"] if rows else self._read_to
        grants = [(row["effect"], row["after"] or row["before"]) for row in rows]
        return [(effect, grant["principal_id"], grant["role"]) for effect, grant in grants]

    @contextmanager
    def lagging(self, seconds: float) -> Iterator[None]:
        """Role assignments take effect that much later, on three replicas."""
        self.control("POST", "/lags", {"role_assignment": seconds, "replicas": 3})
        try:
            yield
        finally:
            self.control("DELETE", "/lags")

    def reads(self, principal: str, container: str = "models") -> int:
        """The status of a list as somebody."""
        url = (
            f"https://nightlylake.blob.core.windows.net/{container}?restype=container&comp=list&maxresults=1"
        )
        headers = {**self.client.bearer(principal, "https://storage.azure.com"), "x-ms-version": "2021-12-02"}
        return self.client.http.get(url, headers=headers).status_code

    def open_by_acl(self, path: str, letters: str, principal: str = "run-train") -> None:
        """An owner of the lake gives somebody letters on a path, and takes all others but its own."""
        who = self.sandbox.principal(principal)["object_id"]
        named = f"user:{who}:{letters},mask::rwx," if letters else ""
        url = f"https://nightlylake.dfs.core.windows.net/{path}?action=setAccessControl"
        headers = {
            **self.client.bearer("owner", "https://storage.azure.com"),
            "x-ms-version": "2021-12-02",
            "x-ms-acl": f"user::rwx,group::---,{named}other::---",
        }
        assert self.client.http.patch(url, headers=headers).is_success

    def assign(self, principal: str, role: str, scope: str, name: str, condition: str = "") -> None:
        """An owner makes a standing assignment."""
        who = self.sandbox.principal(principal)["object_id"]
        subscription = f"/subscriptions/{self.sandbox.description['subscription_id']}"
        properties = {
            "principalId": who,
            "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            **({"condition": condition, "conditionVersion": "2.0"} if condition else {}),
        }
        self._assignment("PUT", scope, name, {"properties": properties})

    def unassign(self, scope: str, name: str) -> None:
        """An owner deletes an assignment."""
        self._assignment("DELETE", scope, name)

    def clear(self, container: str, principal: str) -> None:
        """An owner deletes all that somebody holds on a container of the lake."""
        for name in self.held(container, principal):
            self.unassign(self.container(container), name)

    def held(self, container: str, principal: str) -> list[str]:
        """Names of the assignments of somebody on a container of the lake itself."""
        scope, who = self.container(container), self.sandbox.principal(principal)["object_id"]
        url = f"{ARM}{scope}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
        found = self.client.http.get(
            f"{url}&$filter=principalId eq '{who}'", headers=self.client.bearer("owner", ARM)
        )
        return [each["name"] for each in found.json()["value"] if each["properties"]["scope"] == scope]

    def _assignment(self, method: str, scope: str, name: str, body: Any = None) -> None:
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01"
        headers = self.client.bearer("owner", ARM)
        answer = self.client.http.request(method, f"{ARM}{path}", headers=headers, json=body)
        assert answer.status_code in (200, 201, 204), answer.text


def broker_connection(sandbox: Sandbox) -> str:
    """The broker's connection, as the text of its environment variable."""
    extra = {
        "auth": "workload_identity",
        "tenant_id": sandbox.description["tenant_id"],
        "client_id": sandbox.principal("broker")["client_id"],
        "assertion_file": str(
            Path(sandbox.description["service_account_tokens"]) / "tests" / "broker" / "token"
        ),
        "account_url": "https://classiclake.dfs.core.windows.net",
    }
    return json.dumps({"conn_type": "azureml", "extra": extra})


@contextmanager
def with_broker(sandbox: Sandbox) -> Iterator[None]:
    """A worker whose Airflow has a broker, for the time of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"AIRFLOW_CONN_{BROKER.upper()}", broker_connection(sandbox))
        patch.setenv("AIRFLOW__AZUREML__BROKER_CONN_ID", BROKER)
        patch.setenv("AIRFLOW__AZUREML__LEASE_CONTAINER", "leases")
        resolver.forget(AzureMLHook(BROKER).settings)
        yield
        resolver.forget(AzureMLHook(BROKER).settings)
