# SPDX-License-Identifier: Apache-2.0
"""Storage accounts and their containers as ARM resources."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.errors import AzureError, not_found
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Handler, Need, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.storage import changes
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.records import Account, Container

_ACCOUNTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
_ACCOUNT = _ACCOUNTS + "/{account}"
_EVERY_ACCOUNT = "/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts"
_NAME_CHECK = "/subscriptions/{subscription}/providers/Microsoft.Storage/checkNameAvailability"
_CONTAINERS = _ACCOUNT + "/blobServices/default/containers"
KIND = "Microsoft.Storage/storageAccounts"
_CHECK = "Microsoft.Storage/checknameavailability/read"
_ENCRYPTION = {
    "services": {"blob": {"enabled": True, "keyType": "Account"}},
    "keySource": "Microsoft.Storage",
}
_CONTAINER_TYPE = f"{KIND}/blobServices/containers"


class Accounts:
    """Handlers. Errors are ARM's."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def operations(self) -> list[Operation]:
        def on(method: str, path: str, handler: Handler, action: str) -> Operation:
            return Operation(MANAGEMENT, method, path, handler, action)

        return [
            on("GET", _ACCOUNTS, self.list_accounts, f"{KIND}/read"),
            # Of the subscription a caller is shown what it may read.
            on("GET", _EVERY_ACCOUNT, self.list_readable, ANY_CALLER),
            Operation(MANAGEMENT, "POST", _NAME_CHECK, self.check_name, _check_need),
            on("GET", _ACCOUNT, self.get, f"{KIND}/read"),
            on("PUT", _ACCOUNT, self.put, f"{KIND}/write"),
            on("PATCH", _ACCOUNT, self.patch, f"{KIND}/write"),
            on("POST", f"{_ACCOUNT}/regenerateKey", self.regenerate, f"{KIND}/regenerateKey/action"),
            on("POST", f"{_ACCOUNT}/listKeys", self.list_keys, f"{KIND}/listKeys/action"),
            on("GET", _CONTAINERS, self.list_containers, f"{_CONTAINER_TYPE}/read"),
            on("GET", f"{_CONTAINERS}/{{container}}", self.get_container, f"{_CONTAINER_TYPE}/read"),
            on("PUT", f"{_CONTAINERS}/{{container}}", self.put_container, f"{_CONTAINER_TYPE}/write"),
        ]

    def _account(self, call: Call) -> Account:
        name, group = call.params["account"], call.params["group"]
        account = self._lake.catalog.account(name)
        if account is None or f"/resourcegroups/{group}/".lower() not in account.resource_id.lower():
            raise not_found(
                "ResourceNotFound",
                f"The Resource '{KIND}/{name}' under resource group '{group}' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return account

    async def list_accounts(self, call: Call) -> Response:
        group = f"/resourcegroups/{call.params['group']}/".lower()
        found = [item for item in self._lake.catalog.accounts() if group in item.resource_id.lower()]
        return JSONResponse({"value": [_account_resource(item) for item in found]})

    async def list_readable(self, call: Call) -> Response:
        allowed, who = call.cloud.rbac.allowed, call.caller.object_id
        every = self._lake.catalog.accounts()
        found = [item for item in every if allowed(who, f"{KIND}/read", item.resource_id)]
        return JSONResponse({"value": [_account_resource(item) for item in found]})

    async def check_name(self, call: Call) -> Response:
        name = str((await call.json()).get("name"))
        if not changes.is_name(name):
            reason, text = "AccountNameInvalid", f"{name} is not a valid storage account name."
        elif self._lake.catalog.account(name):
            reason, text = "AlreadyExists", f"The storage account named {name} is already taken."
        else:
            return JSONResponse({"nameAvailable": True})
        return JSONResponse({"nameAvailable": False, "reason": reason, "message": text})

    async def get(self, call: Call) -> Response:
        return JSONResponse(_account_resource(self._account(call)))

    async def put(self, call: Call) -> Response:
        """Create an account, or change one that exists. Done when it answers."""
        name, group, body = call.params["account"], call.params["group"], await call.json()
        if self._lake.catalog.account(name) is None:
            scope = call.cloud.resource_scope(group, KIND, name)
            made = changes.new_account(call.cloud, name, scope, body)
            self._lake.catalog.add_account(made)
            return JSONResponse(_account_resource(made))
        return self._change(self._own(call), body)

    async def patch(self, call: Call) -> Response:
        body = await call.json()
        return self._change(self._account(call), body)

    def _own(self, call: Call) -> Account:
        try:
            return self._account(call)
        except AzureError:
            name = call.params["account"]
            text = f"The storage account named {name} is already taken."
            raise AzureError(409, "StorageAccountAlreadyTaken", text) from None

    def _change(self, account: Account, body: dict[str, Any]) -> Response:
        account = changes.changed(account, body)
        self._lake.catalog.change_account(account)
        return JSONResponse(_account_resource(account))

    async def list_keys(self, call: Call) -> Response:
        return _keys(self._account(call))

    async def regenerate(self, call: Call) -> Response:
        body = await call.json()
        account = changes.with_new_key(self._account(call), body, call.cloud.clock.time())
        self._lake.catalog.change_account(account)
        return _keys(account)

    async def list_containers(self, call: Call) -> Response:
        found = self._lake.catalog.containers(self._account(call).name)
        return JSONResponse({"value": [_container_resource(item) for item in found]})

    async def get_container(self, call: Call) -> Response:
        container = self._lake.catalog.container(self._account(call).name, call.params["container"])
        if container is None:
            raise not_found("ContainerNotFound", "The specified container does not exist.")
        return JSONResponse(_container_resource(container))

    async def put_container(self, call: Call) -> Response:
        account, name = self._account(call), call.params["container"]
        metadata = (await call.json()).get("properties") or {}
        if not isinstance(metadata, dict):
            raise AzureError(400, "InvalidRequestContent", "The request content was invalid.")
        found = self._lake.catalog.container(account.name, name)
        if found:
            return JSONResponse(_container_resource(found))
        made = self._lake.create_container(account, name, _texts(metadata.get("metadata")))
        return JSONResponse(_container_resource(made), 201)


def _check_need(call: Call) -> Need:
    return Need(_CHECK, call.path.partition("/providers/")[0])


def _keys(account: Account) -> Response:
    times = account.key_times or (account.created,) * len(account.keys)
    keys = [
        {"creationTime": iso(made), "keyName": f"key{number}", "value": key, "permissions": "FULL"}
        for number, (key, made) in enumerate(zip(account.keys, times, strict=True), 1)
    ]
    return JSONResponse({"keys": keys})


def _texts(metadata: Any) -> dict[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise AzureError(400, "InvalidRequestContent", "Metadata must be a mapping of text to text.")
    return metadata


def _account_resource(account: Account) -> dict[str, Any]:
    return {
        "id": account.resource_id,
        "name": account.name,
        "type": KIND,
        "location": account.location,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "tags": account.tags,
        "properties": {
            "provisioningState": "Succeeded",
            "creationTime": iso(account.created),
            "isHnsEnabled": account.hns,
            "allowSharedKeyAccess": account.shared_key,
            "allowBlobPublicAccess": False,
            "supportsHttpsTrafficOnly": True,
            "minimumTlsVersion": "TLS1_2",
            "primaryLocation": account.location,
            "statusOfPrimary": "available",
            "primaryEndpoints": {service: f"https://{account.host(service)}/" for service in ("blob", "dfs")},
            "encryption": _ENCRYPTION,
            "publicNetworkAccess": account.public_access,
            "networkAcls": account.rules,
        },
    }


def _container_resource(container: Container) -> dict[str, Any]:
    return {
        "id": container.scope,
        "name": container.name,
        "type": _CONTAINER_TYPE,
        "etag": f'"{container.etag}"',
        "properties": {
            "publicAccess": "None",
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "lastModifiedTime": iso(container.modified),
            "hasImmutabilityPolicy": False,
            "hasLegalHold": False,
            "metadata": container.metadata,
        },
    }
