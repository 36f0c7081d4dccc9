# SPDX-License-Identifier: Apache-2.0
"""Vaults as ARM resources. Every vault of the sandbox authorizes by RBAC, none by access policies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Call, Need, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.keyvault.records import Vault
from azure_sandbox.services.keyvault.service import PROVIDER, KeyVault

_READ = f"{PROVIDER}/read"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"

_Handler = Callable[[KeyVault, Call], Awaitable[Response]]


def arm_operations(vaults: KeyVault) -> list[Operation]:
    routes: list[tuple[str, _Handler]] = [
        (f"{_GROUP}/providers/{PROVIDER}/{{vault}}", _get),
        (f"{_GROUP}/providers/{PROVIDER}", _list),
        (f"/subscriptions/{{subscription}}/providers/{PROVIDER}", _list),
    ]
    return [Operation(MANAGEMENT, "GET", path, partial(handler, vaults), _need) for path, handler in routes]


def _need(call: Call) -> Need:
    # A list is read by whoever may read vaults in the group or subscription that it is of.
    return Need(_READ, call.path if "vault" in call.params else call.path.partition("/providers/")[0])


async def _get(vaults: KeyVault, call: Call) -> Response:
    name, group = call.params["vault"], call.params["group"]
    vault = vaults.records.vault(name)
    if vault is None or vault.resource_group.lower() != group.lower() or not _is_ours(call):
        raise AzureError(
            404,
            "ResourceNotFound",
            f"The Resource '{PROVIDER}/{name}' under resource group '{group}' was not found. For more details "
            "please go to https://aka.ms/ARMResourceNotFoundFix",
        )
    return JSONResponse(_resource(vaults, call, vault))


async def _list(vaults: KeyVault, call: Call) -> Response:
    group = call.params.get("group")
    found = [v for v in vaults.records.vaults() if group is None or v.resource_group.lower() == group.lower()]
    return JSONResponse({"value": [_resource(vaults, call, v) for v in found if _is_ours(call)]})


def _is_ours(call: Call) -> bool:
    return call.params["subscription"].lower() == call.cloud.subscription_id.lower()


def _resource(vaults: KeyVault, call: Call, vault: Vault) -> dict[str, Any]:
    return {
        "id": vaults.scope(vault),
        "name": vault.name,
        "type": PROVIDER,
        "location": call.cloud.location,
        "tags": {},
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": call.cloud.tenant_id,
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": True,
            "vaultUri": f"https://{vault.name}.{call.cloud.azure.vault}/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        },
    }
