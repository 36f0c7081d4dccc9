# SPDX-License-Identifier: Apache-2.0
"""Microsoft.Authorization/roleAssignmentScheduleRequests and roleAssignmentScheduleInstances on the wire.

Source: https://learn.microsoft.com/rest/api/authorization (api-version 2020-10-01).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import iso_z
from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.operation import Call, Need, Operation
from azure_sandbox.kernel.rbac import RoleAssignment, contains
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import authorization
from azure_sandbox.services.arm.records import AUTHORIZATION, CONDITION_VERSION
from azure_sandbox.services.arm.role_routes import scope_of, scoped_need
from azure_sandbox.services.arm.schedules import PENDING, REMOVE, ScheduleRequest, Schedules
from azure_sandbox.services.arm.service import ResourceManager, is_guid

_REQUESTS = f"/{{scope:path}}/providers/{AUTHORIZATION}/roleAssignmentScheduleRequests"
_REQUEST = _REQUESTS + "/{name}"
_INSTANCES = f"/{{scope:path}}/providers/{AUTHORIZATION}/roleAssignmentScheduleInstances"
_ACTION = f"{AUTHORIZATION}/roleAssignments"

Json = dict[str, Any]


def schedule_operations(manager: ResourceManager, schedules: Schedules) -> list[Operation]:
    routes = _Routes(manager, schedules)
    read = partial(scoped_need, manager, f"{_ACTION}/read")
    reads = [
        (_REQUESTS, routes.list),
        (_REQUEST, routes.get),
        (_INSTANCES, routes.instances),
        (_INSTANCES + "/{name}", routes.instance),
    ]
    writes = [("PUT", _REQUEST, routes.put), ("POST", _REQUEST + "/validate", routes.validate)]
    return [
        *(Operation(MANAGEMENT, "GET", path, handler, read) for path, handler in reads),
        *(
            Operation(MANAGEMENT, method, path, handler, routes.need, needs_body=lambda call: True)
            for method, path, handler in writes
        ),
        Operation(
            MANAGEMENT,
            "POST",
            _REQUEST + "/cancel",
            routes.cancel,
            partial(scoped_need, manager, f"{_ACTION}/write"),
        ),
    ]


class _Routes:
    def __init__(self, manager: ResourceManager, schedules: Schedules) -> None:
        self._manager = manager
        self._schedules = schedules

    def need(self, call: Call) -> Need:
        """What a plain role assignment would take, so that a broker's conditions bind it here too."""
        try:
            given = authorization.properties_of(call.parsed(call.content or b""))
        except AzureError:
            given = {}
        removes = given.get("requestType") == REMOVE
        need = scoped_need(self._manager, f"{_ACTION}/{'delete' if removes else 'write'}", call)
        return replace(need, attributes=authorization.attributes_of(call.cloud, given, held=removes))

    async def put(self, call: Call) -> Response:
        request = await self._wanted(call)
        self._schedules.make(request)
        return JSONResponse(_request(call, request), 201)

    async def validate(self, call: Call) -> Response:
        return JSONResponse(_request(call, await self._wanted(call)))

    async def cancel(self, call: Call) -> Response:
        self._schedules.cancel(self._held(call))
        return Response(status_code=200)

    async def get(self, call: Call) -> Response:
        return JSONResponse(_request(call, self._held(call)))

    async def list(self, call: Call) -> Response:
        scope = scope_of(call)
        wanted = _filter(call, scope)
        found = [one for one in self._schedules.all() if wanted(one.scope, one.principal_id)]
        return JSONResponse({"value": [_request(call, one) for one in found]})

    async def instances(self, call: Call) -> Response:
        wanted = _filter(call, scope_of(call))
        found = [one for one in call.cloud.rbac.assignments() if wanted(one.scope, one.principal_id)]
        return JSONResponse({"value": [_instance(call, one) for one in found]})

    async def instance(self, call: Call) -> Response:
        held = call.cloud.rbac.assignment(call.params["name"])
        if held is None or held.scope.lower().rstrip("/") != scope_of(call).lower():
            raise not_found("RoleAssignmentScheduleInstanceNotFound", "The Role assignment does not exist.")
        return JSONResponse(_instance(call, held))

    async def _wanted(self, call: Call) -> ScheduleRequest:
        name = call.params["name"]
        if not is_guid(name):
            raise bad_request("InvalidRoleAssignmentRequestName", f"The name '{name}' must be a GUID.")
        return self._schedules.wanted(
            scope_of(call), name, await call.json(), call.caller.object_id, call.query["api-version"]
        )

    def _held(self, call: Call) -> ScheduleRequest:
        found = self._schedules.get(scope_of(call), call.params["name"])
        if found is None:
            raise not_found(
                "RoleAssignmentScheduleRequestNotFound",
                f"The role assignment schedule request '{call.params['name']}' is not found.",
            )
        return found


_FILTER = re.compile(
    r"""(?P<at>atScope\(\))
    |(?P<only>atScope\(\)\s+and\s+)?principalId\s+eq\s+'?(?P<principal>[-0-9A-Fa-f]{36})'?
    |(?P<within>atScope\(\)\s+and\s+)?assignedTo\(\s*'(?P<assigned>[^']*)'\s*\)
    |(?P<own>as(?:Target|Requestor)\(\))""",
    re.IGNORECASE | re.VERBOSE,
)


def _filter(call: Call, scope: str) -> Callable[[str, str], bool]:
    """Which scopes and principals are asked for.

    :raises AzureError: 400 for a filter that Azure does not know
    """
    expression = call.query.get("$filter", "").strip()
    found = _FILTER.fullmatch(expression) if expression else None
    if expression and not found:
        raise bad_request("UnsupportedQuery", f"The filter '{expression}' is not supported.")
    asked = found.groupdict() if found else {}
    only = any(asked.get(name) for name in ("at", "only", "within"))
    principals: frozenset[str] | None = None
    groups = call.cloud.rbac.groups
    if asked.get("principal"):
        principals = frozenset((asked["principal"].lower(),))
    elif asked.get("assigned") is not None:
        principals = groups.identities(asked["assigned"].lower())
    elif asked.get("own"):
        principals = groups.identities(call.caller.object_id)

    def wanted(where: str, principal: str) -> bool:
        near = contains(where, scope) or (not only and contains(scope, where))
        return near and (principals is None or principal in principals)

    return wanted


def _request(call: Call, request: ScheduleRequest) -> Json:
    base = f"{request.scope}/providers/{AUTHORIZATION}"
    schedule = f"{base}/roleAssignmentSchedules/{request.assignment}"
    return {
        "id": f"{base}/roleAssignmentScheduleRequests/{request.name}",
        "name": request.name,
        "type": f"{AUTHORIZATION}/roleAssignmentScheduleRequests",
        "properties": {
            "targetRoleAssignmentScheduleId": schedule,
            "targetRoleAssignmentScheduleInstanceId": None,
            "requestType": request.kind,
            "status": request.status,
            "approvalId": f"{base}/roleAssignmentApprovals/{request.name}"
            if request.status == PENDING
            else None,
            "scheduleInfo": {
                "startDateTime": iso_z(request.starts),
                "expiration": {
                    "type": (request.expiration or {}).get("type", "NoExpiration"),
                    "endDateTime": (request.expiration or {}).get("endDateTime"),
                    "duration": (request.expiration or {}).get("duration"),
                },
            },
            "ticketInfo": request.ticket or {"ticketNumber": None, "ticketSystem": None},
            "justification": request.justification,
            "requestorId": request.requestor,
            "createdOn": iso_z(request.created),
            **_shared(call, request.scope, request.role, request.principal_id, request.principal_type),
            **_conditioned(request.condition),
        },
    }


def _instance(call: Call, held: RoleAssignment) -> Json:
    base = f"{held.scope}/providers/{AUTHORIZATION}"
    return {
        "id": f"{base}/roleAssignmentScheduleInstances/{held.guid}",
        "name": held.guid,
        "type": f"{AUTHORIZATION}/roleAssignmentScheduleInstances",
        "properties": {
            "roleAssignmentScheduleId": f"{base}/roleAssignmentSchedules/{held.guid}",
            "originRoleAssignmentId": held.resource_id,
            "status": "Provisioned",
            "startDateTime": iso_z(held.created_on),
            "endDateTime": iso_z(held.ends) if held.ends else None,
            "assignmentType": "Assigned",
            "memberType": "Direct" if held.scope.lower() == scope_of(call).lower() else "Inherited",
            "createdOn": iso_z(held.created_on),
            **_shared(call, held.scope, held.role, held.principal_id, held.principal_type),
            **_conditioned(held.condition),
        },
    }


def _conditioned(condition: str) -> Json:
    return {
        "condition": condition or None,
        "conditionVersion": CONDITION_VERSION if condition else None,
    }


def _shared(call: Call, scope: str, role: str, principal_id: str, principal_type: str) -> Json:
    """Who, what and where, by id and in words."""
    identifier = f"{call.cloud.subscription_scope()}/providers/{AUTHORIZATION}/roleDefinitions/{role}"
    found = call.cloud.rbac.role(role)
    return {
        "scope": scope,
        "roleDefinitionId": identifier,
        "principalId": principal_id,
        "principalType": principal_type,
        "expandedProperties": {
            "scope": {"id": scope, "displayName": scope.rpartition("/")[2], "type": "resource"},
            "roleDefinition": {
                "id": identifier,
                "displayName": found.name if found else "",
                "type": found.kind if found else "",
            },
            "principal": {"id": principal_id, "displayName": principal_id, "type": principal_type},
        },
    }
