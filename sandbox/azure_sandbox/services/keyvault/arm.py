# SPDX-License-Identifier: Apache-2.0
"""Vaults as ARM resources: made, changed, governed by roles or by access policies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Call, Need, Operation, by_role
from azure_sandbox.kernel.surfaces import MANAGEMENT, authorization_failed
from azure_sandbox.services.keyvault import changes
from azure_sandbox.services.keyvault.records import Policy, Vault
from azure_sandbox.services.keyvault.service import PROVIDER, KeyVault

_READ = f"{PROVIDER}/read"
_ASSIGN = "Microsoft.Authorization/roleAssignments/write"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_VAULT = f"{_GROUP}/providers/{PROVIDER}/{{vault}}"

_Handler = Callable[[KeyVault, Call], Awaitable[Response]]


def arm_operations(vaults: KeyVault) -> list[Operation]:
    routes: list[tuple[str, _Handler]] = [
        (_VAULT, _get),
        (f"{_GROUP}/providers/{PROVIDER}", _list),
        (f"/subscriptions/{{subscription}}/providers/{PROVIDER}", _list),
    ]
    reads = [Operation(MANAGEMENT, "GET", path, partial(handler, vaults), _need) for path, handler in routes]
    writes = [
        Operation(MANAGEMENT, method, path, partial(handler, vaults), partial(_writing, action))
        for method, path, handler, action in (
            ("PUT", _VAULT, _put, "write"),
            ("PATCH", _VAULT, _patch, "write"),
            ("PUT", f"{_VAULT}/accessPolicies/{{kind}}", _policies, "accessPolicies/write"),
        )
    ]
    return reads + writes


def _writing(action: str, call: Call) -> Need:
    return Need(f"{PROVIDER}/{action}", call.path.partition("/accessPolicies/")[0])


def _need(call: Call) -> Need:
    # A list is read by whoever may read vaults in the group or subscription that it is of.
    return Need(_READ, call.path if "vault" in call.params else call.path.partition("/providers/")[0])


async def _get(vaults: KeyVault, call: Call) -> Response:
    return JSONResponse(_resource(vaults, call, _named(vaults, call)))


def _named(vaults: KeyVault, call: Call) -> Vault:
    name, group = call.params["vault"], call.params["group"]
    vault = vaults.records.vault(name)
    if vault is None or vault.resource_group.lower() != group.lower() or not _is_ours(call):
        raise AzureError(
            404,
            "ResourceNotFound",
            f"The Resource '{PROVIDER}/{name}' under resource group '{group}' was not found. For more details "
            "please go to https://aka.ms/ARMResourceNotFoundFix",
        )
    return vault


async def _put(vaults: KeyVault, call: Call) -> Response:
    """Create a vault, or change one that exists. Done when it answers."""
    name, body = call.params["vault"], await call.json()
    if vaults.records.vault(name) is not None:
        return _change(vaults, call, _named(vaults, call), body)
    vault = changes.changed(Vault(name, call.params["group"], rbac=False), body)
    vaults.records.add_vault(vault)
    return JSONResponse(_resource(vaults, call, vault))


async def _patch(vaults: KeyVault, call: Call) -> Response:
    body = await call.json()
    return _change(vaults, call, _named(vaults, call), body)


def _change(vaults: KeyVault, call: Call, vault: Vault, body: dict[str, Any]) -> Response:
    changed = changes.changed(vault, body)
    need = Need(_ASSIGN, vaults.scope(vault))
    if changed.rbac != vault.rbac and not by_role(call.cloud, call.caller, need):
        raise authorization_failed(call.caller, need)
    vaults.records.change_vault(changed)
    return JSONResponse(_resource(vaults, call, changed))


async def _policies(vaults: KeyVault, call: Call) -> Response:
    body = await call.json()
    vault = changes.with_policies(_named(vaults, call), call.params["kind"].lower(), body)
    vaults.records.change_vault(vault)
    policies = [_shown(policy, call) for policy in vault.policies]
    scope = f"{vaults.scope(vault)}/accessPolicies/"
    return JSONResponse(
        {"id": scope, "type": f"{PROVIDER}/accessPolicies", "properties": {"accessPolicies": policies}}
    )


def _shown(policy: Policy, call: Call) -> dict[str, Any]:
    permissions = {**(policy.document.get("permissions") or {}), "secrets": list(policy.secrets)}
    tenant = policy.document.get("tenantId") or call.cloud.tenant_id
    return {"tenantId": tenant, "objectId": policy.object_id, "permissions": permissions}


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
        "tags": vault.tags,
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": call.cloud.tenant_id,
            "accessPolicies": [_shown(policy, call) for policy in vault.policies],
            "enabledForDeployment": False,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": vault.rbac,
            "vaultUri": f"https://{vault.name}.{call.cloud.azure.vault}/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": vault.public_access,
            "networkAcls": vault.rules,
        },
    }
