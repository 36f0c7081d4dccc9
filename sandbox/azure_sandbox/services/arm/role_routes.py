# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Authorization/roleDefinitions and permissions on the wire."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import bad_request, not_found
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Need, Operation
from azure_sandbox.kernel.rbac import RoleDefinition
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import authorization, records
from azure_sandbox.services.arm.records import AUTHORIZATION
from azure_sandbox.services.arm.service import ResourceManager

_AT_SCOPE = f"/{{scope:path}}/providers/{AUTHORIZATION}"
_AT_ROOT = f"/providers/{AUTHORIZATION}"
_ROLES = "/roleDefinitions"
_ROLE = "/roleDefinitions/{name}"

_Handler = Callable[[ResourceManager, Call], Awaitable[Response]]


def role_operations(manager: ResourceManager) -> list[Operation]:
    guarded: list[tuple[str, str, _Handler, str]] = [
        ("GET", _ROLES, _list, "read"),
        ("GET", _ROLE, _get, "read"),
        ("PUT", _ROLE, _put, "write"),
        ("DELETE", _ROLE, _delete, "delete"),
    ]
    return [
        # The built-in roles are the same for everybody; below a scope, reading them takes the right to.
        Operation(MANAGEMENT, "GET", _AT_ROOT + _ROLES, partial(_list, manager), ANY_CALLER),
        Operation(MANAGEMENT, "GET", _AT_ROOT + _ROLE, partial(_get, manager), ANY_CALLER),
        # "All permissions the caller has" says nothing to a caller without any.
        Operation(MANAGEMENT, "GET", _AT_SCOPE + "/permissions", partial(_permissions, manager), ANY_CALLER),
        *(
            Operation(
                MANAGEMENT,
                method,
                _AT_SCOPE + path,
                partial(handler, manager),
                partial(scoped_need, manager, act),
            )
            for method, path, handler, act in (
                (method, path, handler, f"{AUTHORIZATION}/roleDefinitions/{verb}")
                for method, path, handler, verb in guarded
            )
        ),
    ]


def scoped_need(manager: ResourceManager, action: str, call: Call) -> Need:
    """The action on the extension resource, once the scope that it extends is known to exist."""
    manager.check_scope(call.params["scope"])
    return Need(action, call.path)


def scope_of(call: Call) -> str:
    """The scope in front of ``/providers/Microsoft.Authorization``; ``/`` where there is none."""
    return "/" + call.params.get("scope", "").strip("/")


async def _list(manager: ResourceManager, call: Call) -> Response:
    scope = scope_of(call)
    wanted = _filter(call.query.get("$filter", ""))
    roles = [role for role in authorization.visible_roles(call.cloud, scope) if wanted(role)]
    return JSONResponse({"value": [records.role_definition(role, scope) for role in roles]})


async def _get(manager: ResourceManager, call: Call) -> Response:
    guid = call.params["name"]
    role = call.cloud.rbac.role(guid)
    if role is None:
        raise not_found(
            "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{guid}' does not exist."
        )
    return JSONResponse(records.role_definition(role, scope_of(call)))


async def _put(manager: ResourceManager, call: Call) -> Response:
    scope = scope_of(call)
    role = authorization.requested_role(scope, call.params["name"], await call.json())
    for assignable in role.assignable_scopes:
        manager.check_scope(assignable)
    authorization.define(call.cloud, role)
    return JSONResponse(records.role_definition(role, scope), 201)


async def _delete(manager: ResourceManager, call: Call) -> Response:
    role = authorization.undefine(call.cloud, call.params["name"])
    if role is None:
        return Response(status_code=204)
    return JSONResponse(records.role_definition(role, scope_of(call)))


async def _permissions(manager: ResourceManager, call: Call) -> Response:
    scope = scope_of(call)
    manager.check_scope(scope)
    rbac = call.cloud.rbac
    identities = rbac.groups.identities(call.caller.object_id)
    held = [rbac.role(assignment.role) for assignment in rbac.assignments_above(scope, identities)]
    entries = [entry for role in held if role for entry in role.permissions]
    value = [{**records.permission(entry), "condition": None, "conditionVersion": None} for entry in entries]
    return JSONResponse({"value": value})


_EQUALS = re.compile(r"(roleName|type)\s+eq\s+'([^']*)'", re.IGNORECASE)
_SCOPES = ("atscope()", "atscopeandbelow()")


def _filter(expression: str) -> Callable[[RoleDefinition], bool]:
    """``roleName eq``, ``type eq`` and the scope functions, joined by ``and``."""
    wanted: dict[str, str] = {}
    for part in filter(None, re.split(r"\s+and\s+", expression.strip(), flags=re.IGNORECASE)):
        found = _EQUALS.fullmatch(part.strip())
        if found:
            wanted[found.group(1).lower()] = found.group(2).lower()
        elif part.strip().lower() not in _SCOPES:
            raise bad_request("InvalidFilter", f"The filter '{expression}' is not supported.")

    def matches(role: RoleDefinition) -> bool:
        named = wanted.get("rolename") in (None, role.name.lower())
        return named and wanted.get("type") in (None, role.kind.lower())

    return matches
