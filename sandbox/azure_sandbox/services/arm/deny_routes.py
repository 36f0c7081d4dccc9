# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Authorization/denyAssignments on the wire: to be read, since Azure alone makes them.

Source: https://learn.microsoft.com/rest/api/authorization/deny-assignments, and "List Azure deny assignments"
(deny-assignments-rest.md).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.denies import ALL_PRINCIPALS, DenyAssignment
from azure_sandbox.kernel.errors import bad_request, not_found
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.kernel.rbac import contains
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import records
from azure_sandbox.services.arm.authorization import kind_of
from azure_sandbox.services.arm.records import AUTHORIZATION
from azure_sandbox.services.arm.role_routes import scope_of, scoped_need
from azure_sandbox.services.arm.service import ResourceManager

_ALL = f"/{{scope:path}}/providers/{AUTHORIZATION}/denyAssignments"

_Handler = Callable[[Call], Awaitable[Response]]
_Wanted = Callable[[DenyAssignment], bool]


def deny_operations(manager: ResourceManager) -> list[Operation]:
    routes: list[tuple[str, _Handler]] = [(_ALL, _list), (_ALL + "/{name}", _get)]
    action = f"{AUTHORIZATION}/denyAssignments/read"
    return [
        Operation(MANAGEMENT, "GET", path, handler, partial(scoped_need, manager, action))
        for path, handler in routes
    ]


async def _list(call: Call) -> Response:
    below, wanted, export = _filter(call.cloud, call.query.get("$filter", ""))
    scope = scope_of(call)
    found = [
        deny
        for deny in call.cloud.rbac.denies.all()
        if (contains(deny.scope, scope) or (below and contains(scope, deny.scope))) and wanted(deny)
    ]
    rows = [_rendered(call.cloud, deny) for deny in found]
    return JSONResponse({"value": [_exported(row) for row in rows] if export else rows})


async def _get(call: Call) -> Response:
    deny = call.cloud.rbac.denies.get(call.params["name"])
    if deny is None or deny.scope.lower().rstrip("/") != scope_of(call).lower():
        raise not_found(
            "DenyAssignmentNotFound", f"The deny assignment '{call.params['name']}' is not found."
        )
    return JSONResponse(_rendered(call.cloud, deny))


def _rendered(cloud: Cloud, deny: DenyAssignment) -> records.Resource:
    return records.deny_assignment(deny, lambda object_id: kind_of(cloud, object_id) or "ServicePrincipal")


def _exported(row: records.Resource) -> records.Resource:
    """What ``gdprExportPrincipalId`` shows: name and description, and nothing else."""
    shown = {name: row["properties"][name] for name in ("denyAssignmentName", "description")}
    return {**row, "properties": shown}


_FILTER = re.compile(
    r"""(?P<at>atScope\(\))
    |denyAssignmentName\s+eq\s+'(?P<name>[^']*)'
    |principalId\s+eq\s+'(?P<principal>[^']*)'
    |gdprExportPrincipalId\s+eq\s+'(?P<export>[^']*)'
    |(?P<only>atScope\(\)\s+and\s+)?assignedTo\(\s*'(?P<assigned>[^']*)'\s*\)""",
    re.IGNORECASE | re.VERBOSE,
)


def _filter(cloud: Cloud, expression: str) -> tuple[bool, _Wanted, bool]:
    """Whether denies below the scope count, which are wanted, and whether they are for an export.

    :raises AzureError: 400 for a filter that Azure does not know
    """
    if not expression.strip():
        return True, lambda deny: True, False
    found = _FILTER.fullmatch(expression.strip())
    if not found:
        raise bad_request("UnsupportedQuery", f"The filter '{expression}' is not supported.")
    below = not (found["at"] or found["only"])
    for name, wanted in _WANTED.items():
        if found[name] is not None:
            return below, partial(wanted, cloud, found[name].lower()), name == "export"
    return below, lambda deny: True, False


def _listed(cloud: Cloud, object_id: str, deny: DenyAssignment) -> bool:
    return object_id in deny.principals


def _mentioned(cloud: Cloud, object_id: str, deny: DenyAssignment) -> bool:
    return object_id in (*deny.principals, *deny.excluded)


def _named(cloud: Cloud, name: str, deny: DenyAssignment) -> bool:
    return deny.name.lower() == name


def _assigned(cloud: Cloud, object_id: str, deny: DenyAssignment) -> bool:
    identities = cloud.rbac.groups.identities(object_id)
    return ALL_PRINCIPALS in deny.principals or not identities.isdisjoint(deny.principals)


_WANTED: dict[str, Callable[[Cloud, str, DenyAssignment], bool]] = {
    "name": _named,
    "principal": _listed,
    "export": _mentioned,
    "assigned": _assigned,
}
