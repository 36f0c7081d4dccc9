# SPDX-License-Identifier: Apache-2.0
"""A workspace whose surroundings an administrator breaks, through the public APIs only."""

from __future__ import annotations

import copy
from typing import Any

import httpx

from azure_sandbox.kernel.cloud import stable_guid
from sandbox.tests.services.machinelearning.conftest import SEED, Workspace

STORAGE = "https://storage.azure.com"
BASE = "user::rwx,group::r-x,other::---"


def lab_seed() -> dict[str, Any]:
    seed = copy.deepcopy(SEED)
    seed["applications"] += [{"name": "admin"}, {"name": "deputy"}, {"name": "loader"}]
    seed["storage_accounts"].append(
        {"name": "vault0", "resource_group": "rg", "hns": True, "containers": ["data"]}
    )
    seed["role_assignments"] += [
        {"principal": "admin", "role": "Owner", "scope": "group:rg"},
        {"principal": "admin", "role": "Storage Blob Data Owner", "scope": "group:rg"},
        {"principal": "deputy", "role": "Contributor", "scope": "workspace:ws"},
        {"principal": "runner", "role": "Storage Blob Data Contributor", "scope": "storage:vault0"},
    ]
    return seed


class Lab(Workspace):
    """A workspace, and an administrator who breaks what is around it."""

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self.as_("admin").arm(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer

    def account(self, name: str, **properties: Any) -> None:
        scope = self.cloud.resource_scope("rg", "Microsoft.Storage/storageAccounts", name)
        url = f"https://management.azure.com{scope}"
        answer = self.as_("admin")._send(url, "PATCH", {"properties": properties}, {})
        assert answer.status_code == 200, answer.text

    def account_action(self, name: str, action: str, body: Any = None) -> Any:
        scope = self.cloud.resource_scope("rg", "Microsoft.Storage/storageAccounts", name)
        url = f"https://management.azure.com{scope}/{action}"
        return self.as_("admin")._send(url, "POST", body or {}, {}).json()

    def key(self, name: str) -> str:
        return str(self.account_action(name, "listKeys")["keys"][0]["value"])

    def store(self, name: str, account: str = "vault0", **members: Any) -> str:
        """Make or replace a datastore; the URI of the folder that every test reads."""
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": account,
            "containerName": "data",
            "credentials": {"credentialsType": "None"},
            **members,
        }
        self.admin("PUT", f"/datastores/{name}", {"properties": properties})
        return f"azureml://datastores/{name}/paths/in"

    def acl(self, path: str, acl: str) -> None:
        url = f"https://vault0.dfs.core.windows.net/data/{path}?action=setAccessControl"
        headers = {**self.sandbox.bearer("admin", STORAGE), "x-ms-acl": acl}
        answer = self.sandbox.http.patch(url, headers=headers)
        assert answer.status_code == 200, answer.text

    def reading(self, name: str, uri: str, mode: str | None = None, **properties: Any) -> str:
        """The error of a job that reads a folder; ``""`` where it completes."""
        inputs = {"in": {"jobInputType": "uri_folder", "uri": uri, "mode": mode}}
        status = self.ended(name, inputs=inputs, **properties)
        return "" if status == "Completed" else self.error(name)

    def writing(self, name: str, uri: str, **properties: Any) -> str:
        outputs = {"out": {"jobOutputType": "uri_folder", "uri": uri}}
        command = "echo x > ${{outputs.out}}/x"
        status = self.ended(name, command=command, outputs=outputs, **properties)
        return "" if status == "Completed" else self.error(name)

    def data_log(self, name: str) -> str:
        urls = self.history(name, "/details").json()["logFiles"]
        return str(self.sandbox.http.get(urls["system_logs/data_capability/rslex.log"]).text)

    def assign(self, object_id: str, role: str, scope: str = "") -> None:
        """A role on a scope, the account where none is named."""
        scope = scope or self.cloud.resource_scope("rg", "Microsoft.Storage/storageAccounts", "vault0")
        guid = next(item.guid for item in self.cloud.rbac.roles() if item.name == role)
        body = {
            "properties": {
                "principalId": object_id,
                "principalType": "ServicePrincipal",
                "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{guid}",
            }
        }
        name = stable_guid("assignment", object_id, role, scope)
        url = f"https://management.azure.com{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        answer = self.as_("admin")._send(url, "PUT", body, {"api-version": "2022-04-01"})
        assert answer.status_code in (200, 201), answer.text


#: The account as it was.
OPEN = {
    "publicNetworkAccess": "Enabled",
    "allowSharedKeyAccess": True,
    "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices", "ipRules": []},
}
