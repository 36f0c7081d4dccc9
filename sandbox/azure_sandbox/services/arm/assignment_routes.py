# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Authorization/roleAssignments on the wire, at every scope down to a container or secret."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.groups import Groups
from azure_sandbox.kernel.operation import Call, Need, Operation
from azure_sandbox.kernel.rbac import RoleAssignment
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import authorization, records
from azure_sandbox.services.arm.records import AUTHORIZATION
from azure_sandbox.services.arm.role_routes import scope_of, scoped_need
from azure_sandbox.services.arm.service import ResourceManager

_ALL = f"/{{scope:path}}/providers/{AUTHORIZATION}/roleAssignments"
_ONE = _ALL + "/{name}"
_ACTION = f"{AUTHORIZATION}/roleAssignments"

_Handler = Callable[[ResourceManager, Call], Awaitable[Response]]


def assignment_operations(manager: ResourceManager) -> list[Operation]:
    reads: list[tuple[str, _Handler]] = [(_ALL, _list), (_ONE, _get)]
    return [
        *(
            Operation(
                MANAGEMENT,
                "GET",
                path,
                partial(handler, manager),
                partial(scoped_need, manager, f"{_ACTION}/read"),
            )
            for path, handler in reads
        ),
        # Conditions on who may assign what ask for the assignment: the one that is sent, or the one held.
        Operation(
            MANAGEMENT,
            "PUT",
            _ONE,
            partial(_put, manager),
            partial(_write_need, manager),
            needs_body=lambda call: True,
        ),
        Operation(MANAGEMENT, "DELETE", _ONE, partial(_delete, manager), partial(_delete_need, manager)),
    ]


def _write_need(manager: ResourceManager, call: Call) -> Need:
    need = scoped_need(manager, f"{_ACTION}/write", call)
    try:
        given = authorization.properties_of(call.parsed(call.content or b""))
    except AzureError:
        # Who may not write is told that first.
        return need
    return replace(need, attributes=authorization.attributes_of(call.cloud, given))


def _delete_need(manager: ResourceManager, call: Call) -> Need:
    need, held = scoped_need(manager, f"{_ACTION}/delete", call), _held(call)
    return replace(need, attributes=authorization.attributes_held(held)) if held else need


async def _list(manager: ResourceManager, call: Call) -> Response:
    below, principals = _filter(call.cloud.rbac.groups, call.query.get("$filter", ""))
    found = authorization.visible_assignments(call.cloud, scope_of(call), below=below, principals=principals)
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
        call.cloud,
        scope_of(call),
        call.params["name"],
        await call.json(),
        call.caller.object_id,
        call.query["api-version"],
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
    return records.role_assignment(assignment, call.cloud.subscription_scope(), call.query["api-version"])


_FILTER = re.compile(
    r"""(?P<at>atScope\(\))
    |principalId\s+eq\s+'(?P<principal>[^']*)'
    |(?P<only>atScope\(\)\s+and\s+)?assignedTo\(\s*'(?P<assigned>[^']*)'\s*\)""",
    re.IGNORECASE | re.VERBOSE,
)


def _filter(groups: Groups, expression: str) -> tuple[bool, frozenset[str] | None]:
    """Whether assignments below the scope count, and to whom; ``assignedTo`` follows groups.

    :raises AzureError: 400 for any other filter
    """
    if not expression.strip():
        return True, None
    found = _FILTER.fullmatch(expression.strip())
    if not found:
        raise bad_request(
            "UnsupportedQuery",
            f"The filter '{expression}' is not supported. Supported filters are either 'atScope()' or "
            "'principalId eq '{value}' or assignedTo('{value}')'.",
        )
    if found["at"]:
        return False, None
    if found["principal"] is not None:
        return True, frozenset((found["principal"].lower(),))
    return not found["only"], groups.identities(found["assigned"].lower())
