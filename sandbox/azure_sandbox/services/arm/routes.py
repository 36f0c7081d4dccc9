# SPDX-License-Identifier: Apache-2.0
"""Cloud metadata, subscriptions, tenants and resource groups on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clouds import CLOUDS, Azure
from azure_sandbox.kernel.errors import AzureError, bad_request
from azure_sandbox.kernel.operation import ANY_CALLER, PUBLIC, Call, Need, Operation
from azure_sandbox.kernel.rbac import contains
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm.service import ResourceManager, group_not_found

_GROUPS = "/subscriptions/{subscription}/resourceGroups"
_GROUP = _GROUPS + "/{group}"
_RESOURCES = "Microsoft.Resources/subscriptions"

_Handler = Callable[[ResourceManager, Call], Awaitable[Response]]


def operations(manager: ResourceManager) -> list[Operation]:
    guarded: list[tuple[str, str, _Handler, str]] = [
        ("GET", "/subscriptions/{subscription}", _get_subscription, f"{_RESOURCES}/read"),
        ("GET", _GROUPS, _list_groups, f"{_RESOURCES}/resourceGroups/read"),
        ("GET", _GROUP, _get_group, f"{_RESOURCES}/resourceGroups/read"),
        ("HEAD", _GROUP, _head_group, f"{_RESOURCES}/resourceGroups/read"),
        ("PUT", _GROUP, _put_group, f"{_RESOURCES}/resourceGroups/write"),
    ]
    return [
        Operation(MANAGEMENT, "GET", "/metadata/endpoints", _endpoints, PUBLIC),
        # Both lists hold what the caller may see and nothing else.
        Operation(MANAGEMENT, "GET", "/subscriptions", partial(_list_subscriptions, manager), ANY_CALLER),
        Operation(MANAGEMENT, "GET", "/tenants", _list_tenants, ANY_CALLER),
        *(
            Operation(MANAGEMENT, method, path, partial(handler, manager), partial(need, manager, action))
            for method, path, handler, action in guarded
        ),
    ]


def need(manager: ResourceManager, action: str, call: Call) -> Need:
    """The action on the path asked for, once its subscription is known to exist."""
    manager.check_subscription(call.params["subscription"])
    return Need(action, call.path)


async def _endpoints(call: Call) -> Response:
    """All clouds, as every cloud's own ARM lists them."""
    return JSONResponse([_cloud(azure) for azure in CLOUDS.values()])


def _cloud(azure: Azure) -> dict[str, Any]:
    return {
        "name": azure.title,
        "portal": f"https://{azure.portal}",
        "authentication": {
            "loginEndpoint": azure.authority,
            "audiences": [f"https://{azure.classic}", f"https://{azure.management}/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": f"https://{azure.management}/",
        "microsoftGraphResourceId": f"{azure.graph_audience}/",
        "suffixes": {"storage": azure.storage, "keyVaultDns": azure.vault},
    }


async def _list_subscriptions(manager: ResourceManager, call: Call) -> Response:
    scope = call.cloud.subscription_scope()
    held = call.cloud.rbac.assignments_of(call.caller.object_id)
    visible = any(contains(scope, a.scope) or contains(a.scope, scope) for a in held)
    value = [_subscription(call)] if visible else []
    return JSONResponse({"value": value, "count": {"type": "Total", "value": len(value)}})


async def _get_subscription(manager: ResourceManager, call: Call) -> Response:
    return JSONResponse(_subscription(call))


def _subscription(call: Call) -> dict[str, Any]:
    cloud = call.cloud
    return {
        "id": cloud.subscription_scope(),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": cloud.subscription_id,
        "tenantId": cloud.tenant_id,
        "displayName": "azure-sandbox",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


async def _list_tenants(call: Call) -> Response:
    tenant = call.cloud.tenant_id
    return JSONResponse({"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}]})


async def _list_groups(manager: ResourceManager, call: Call) -> Response:
    return JSONResponse({"value": manager.groups.all()})


async def _get_group(manager: ResourceManager, call: Call) -> Response:
    name = call.params["group"]
    group = manager.groups.get(name)
    if group is None:
        raise group_not_found(name)
    return JSONResponse(group)


async def _head_group(manager: ResourceManager, call: Call) -> Response:
    return Response(status_code=204 if manager.groups.get(call.params["group"]) else 404)


async def _put_group(manager: ResourceManager, call: Call) -> Response:
    name, body = call.params["group"], await call.json()
    manager.check_group_name(name)
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise bad_request("LocationRequired", "The location property is required for this definition.")
    new = manager.groups.put(name, location, tags_of(body))
    return JSONResponse(manager.groups.get(name), 201 if new else 200)


def tags_of(body: dict[str, Any]) -> dict[str, str]:
    """The ``tags`` of a resource's body.

    :raises AzureError: 400 where they are no map of texts
    """
    tags = body.get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise AzureError(
            400, "InvalidRequestContent", "The request content was invalid: tags must be strings."
        )
    return tags
