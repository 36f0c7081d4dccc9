# SPDX-License-Identifier: Apache-2.0
"""Registries as ARM resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import not_found
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.containerregistry.service import KIND, ContainerRegistries, Registry, changed

_GROUP = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{KIND}"
_ONE = f"{_GROUP}/{{registry}}"

_Handler = Callable[[ContainerRegistries, Call], Awaitable[Response]]


def operations(registries: ContainerRegistries) -> list[Operation]:
    routes: list[tuple[str, str, _Handler, str]] = [
        ("GET", f"/subscriptions/{{subscription}}/providers/{KIND}", _list, "read"),
        ("GET", _GROUP, _list, "read"),
        ("GET", _ONE, _get, "read"),
        ("PUT", _ONE, _put, "write"),
        ("PATCH", _ONE, _patch, "write"),
        ("DELETE", _ONE, _delete, "delete"),
    ]
    return [
        Operation(MANAGEMENT, method, path, partial(handler, registries), f"{KIND}/{action}")
        for method, path, handler, action in routes
    ]


async def _list(registries: ContainerRegistries, call: Call) -> Response:
    """Of a group, or of the whole subscription."""
    group = call.params.get("group", "").lower()
    found = [item for item in registries.all() if group in ("", item.group.lower())]
    return JSONResponse({"value": [_resource(registries, call, item) for item in found]})


async def _get(registries: ContainerRegistries, call: Call) -> Response:
    return JSONResponse(_resource(registries, call, _named(registries, call)))


async def _put(registries: ContainerRegistries, call: Call) -> Response:
    """Create a registry, or change one that exists. Done when it answers."""
    body = await call.json()
    held = registries.get(call.params["registry"])
    registry = _named(registries, call) if held else Registry(call.params["registry"], call.params["group"])
    return _change(registries, call, registry, body)


async def _patch(registries: ContainerRegistries, call: Call) -> Response:
    body = await call.json()
    return _change(registries, call, _named(registries, call), body)


def _change(
    registries: ContainerRegistries, call: Call, registry: Registry, body: dict[str, Any]
) -> Response:
    registry = changed(registry, body)
    registries.save(registry)
    return JSONResponse(_resource(registries, call, registry))


async def _delete(registries: ContainerRegistries, call: Call) -> Response:
    return Response(status_code=200 if registries.delete(call.params["registry"]) else 204)


def _named(registries: ContainerRegistries, call: Call) -> Registry:
    name, group = call.params["registry"], call.params["group"]
    found = registries.get(name)
    if found is None or found.group.lower() != group.lower():
        raise not_found(
            "ResourceNotFound",
            f"The Resource '{KIND}/{name}' under resource group '{group}' was not found. "
            "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        )
    return found


def _resource(registries: ContainerRegistries, call: Call, registry: Registry) -> dict[str, Any]:
    return {
        "id": registries.scope(registry),
        "name": registry.name,
        "type": KIND,
        "location": call.cloud.location,
        "tags": {},
        "sku": {"name": "Standard", "tier": "Standard"},
        "properties": {
            "loginServer": f"{registry.name.lower()}.azurecr.io",
            "provisioningState": "Succeeded",
            "adminUserEnabled": registry.admin,
            "roleAssignmentMode": registry.mode,
            "publicNetworkAccess": "Enabled",
        },
    }
