# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Authorization/roleAssignments on the wire, at every scope down to a container or secret."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import bad_request, not_found
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.kernel.rbac import RoleAssignment
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import authorization, records
from azure_sandbox.services.arm.records import AUTHORIZATION
from azure_sandbox.services.arm.role_routes import scope_of, scoped_need
from azure_sandbox.services.arm.service import ResourceManager

_ALL = f"/{{scope:path}}/providers/{AUTHORIZATION}/roleAssignments"
_ONE = _ALL + "/{name}"

_Handler = Callable[[ResourceManager, Call], Awaitable[Response]]


def assignment_operations(manager: ResourceManager) -> list[Operation]:
    routes: list[tuple[str, str, _Handler, str]] = [
        ("GET", _ALL, _list, "read"),
        ("GET", _ONE, _get, "read"),
        ("PUT", _ONE, _put, "write"),
        ("DELETE", _ONE, _delete, "delete"),
    ]
    return [
        Operation(
            MANAGEMENT,
            method,
            path,
            partial(handler, manager),
            partial(scoped_need, manager, f"{AUTHORIZATION}/roleAssignments/{verb}"),
        )
        for method, path, handler, verb in routes
    ]


async def _list(manager: ResourceManager, call: Call) -> Response:
    below, principal = _filter(call.query.get("$filter", ""))
    found = authorization.visible_assignments(call.cloud, scope_of(call), below=below, principal_id=principal)
    return JSONResponse({"value": [_rendered(call, assignment) for assignment in found]})


async def _get(manager: ResourceManager, call: Call) -> Response:
    held = _held(call)
    if held is None:
        raise not_found(
            "RoleAssignmentNotFound", f"The role assignment '{call.params['name']}' is not found."
        )
    return JSONResponse(_rendered(call, held))


async def _put(manager: ResourceManager, call: Call) -> Response:
    wanted = authorization.requested_assignment(
        call.cloud, scope_of(call), call.params["name"], await call.json(), call.caller.object_id
    )
    new = authorization.assign(call.cloud, wanted)
    held = call.cloud.rbac.assignment(wanted.guid) or wanted
    return JSONResponse(_rendered(call, held), 201 if new else 200)


async def _delete(manager: ResourceManager, call: Call) -> Response:
    held = _held(call)
    if held is None:
        return Response(status_code=204)
    call.cloud.rbac.unassign(held.guid)
    return JSONResponse(_rendered(call, held))


def _held(call: Call) -> RoleAssignment | None:
    """The assignment of this name, where it was made at the scope of the path."""
    held = call.cloud.rbac.assignment(call.params["name"])
    return held if held and held.scope.lower().rstrip("/") == scope_of(call).lower() else None


def _rendered(call: Call, assignment: RoleAssignment) -> records.Resource:
    return records.role_assignment(assignment, call.cloud.subscription_scope())


_OF_PRINCIPAL = re.compile(r"(?:principalId\s+eq\s+'([^']*)'|assignedTo\(\s*'([^']*)'\s*\))", re.IGNORECASE)


def _filter(expression: str) -> tuple[bool, str | None]:
    """Whether assignments below the scope count, and of which principal.

    ``assignedTo`` would follow groups; the sandbox has none, so it equals ``principalId eq``.
    """
    below, principal = True, None
    for part in filter(None, re.split(r"\s+and\s+", expression.strip(), flags=re.IGNORECASE)):
        found = _OF_PRINCIPAL.fullmatch(part.strip())
        if found:
            principal = (found.group(1) or found.group(2) or "").lower()
        elif part.strip().lower() == "atscope()":
            below = False
        else:
            raise bad_request("UnsupportedQuery", f"The filter '{expression}' is not supported.")
    return below, principal
