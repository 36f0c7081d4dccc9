# SPDX-License-Identifier: Apache-2.0
"""Microsoft Graph's own permissions: Graph as a service principal, and its app role assignments.

Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments,
.../serviceprincipal-delete-approleassignments; ids: permissions-reference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.graph.answers import context, listed
from azure_sandbox.services.graph.refusals import bad_request, denied, holds, missing
from azure_sandbox.services.graph.service import Graph, addressed

#: Client id of Microsoft Graph in every tenant; the object id of its service principal differs in each.
GRAPH = "00000003-0000-0000-c000-000000000000"
#: Graph's application permissions that this sandbox knows.
PERMISSIONS = {
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f0da61",
    "Directory.ReadWrite.All": "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
    "Group.Create": "bf7b1a76-6e77-406b-b258-bf5c7720e98f",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "Group.ReadWrite.All": "62a82d76-70ea-41e2-9197-370581804d09",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "GroupMember.ReadWrite.All": "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
}
_GIVES = {"AppRoleAssignment.ReadWrite.All"}

_Handler = Callable[[Graph, Call], Awaitable[Response]]


def routes() -> list[tuple[str, str, _Handler]]:
    """Method, path below ``/v1.0``, handler."""
    found: list[tuple[str, str, _Handler]] = []
    for one in ("/servicePrincipals/{id}", "/servicePrincipals{key}"):
        found += [
            ("GET", f"{one}/appRoleAssignments", _list),
            ("POST", f"{one}/appRoleAssignments", _give),
            ("DELETE", f"{one}/appRoleAssignments/{{assignment}}", _take),
        ]
    return found


def graph_principal(call: Call) -> dict[str, Any]:
    """Graph itself, with its permissions."""
    roles = [
        {"id": identifier, "value": name, "allowedMemberTypes": ["Application"], "isEnabled": True}
        for name, identifier in PERMISSIONS.items()
    ]
    return {
        "id": stable_guid("graph-principal", call.cloud.tenant_id),
        "appId": GRAPH,
        "displayName": "Microsoft Graph",
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "servicePrincipalNames": [GRAPH],
        "alternativeNames": [],
        "appDisplayName": "Microsoft Graph",
        "createdDateTime": "2014-01-01T00:00:00Z",
        "appRoles": roles,
    }


def is_graph(call: Call) -> bool:
    """Whether a path names Graph itself."""
    own = graph_principal(call)
    return bool(call.params.get("id", "").lower() == own["id"] or GRAPH in call.params.get("key", ""))


async def _list(graph: Graph, call: Call) -> Response:
    principal = addressed(graph.readable, call, "principal_id", applications=False)
    given = [_assignment(call, principal, name) for name in principal.app_roles if name in PERMISSIONS]
    return listed(call, "appRoleAssignments", given)


async def _give(graph: Graph, call: Call) -> Response:
    principal = addressed(graph.readable, call, "principal_id", applications=False)
    if not holds(call.caller, _GIVES):
        raise denied()
    body = await call.json()
    name = next((n for n, identifier in PERMISSIONS.items() if identifier == body.get("appRoleId")), None)
    named = (body.get("principalId"), body.get("resourceId"))
    if name is None or named != (principal.principal_id, graph_principal(call)["id"]):
        raise bad_request("Permission being assigned was not found on application")
    if name in principal.app_roles:
        raise bad_request("Permission being assigned already exists on the object")
    graph.save(replace(principal, app_roles=(*principal.app_roles, name)))
    content = {"@odata.context": f"{context(call, 'appRoleAssignments')}/$entity"}
    return JSONResponse({**content, **_assignment(call, principal, name)}, 201)


async def _take(graph: Graph, call: Call) -> Response:
    """Tokens that were issued before keep the permission until they are over, as in Azure."""
    if not holds(call.caller, _GIVES):
        raise denied()
    principal = addressed(graph.permitted(_GIVES), call, "principal_id", applications=False)
    gone = call.params["assignment"]
    kept = tuple(
        name
        for name in principal.app_roles
        if name not in PERMISSIONS or _assignment(call, principal, name)["id"] != gone
    )
    if len(kept) == len(principal.app_roles):
        raise missing(gone)
    graph.save(replace(principal, app_roles=kept))
    return Response(status_code=204)


def _assignment(call: Call, principal: Identity, name: str) -> dict[str, Any]:
    return {
        "id": stable_guid("app-role-assignment", principal.principal_id, name),
        "appRoleId": PERMISSIONS[name],
        "principalId": principal.principal_id,
        "principalDisplayName": principal.name,
        "principalType": "ServicePrincipal",
        "resourceId": graph_principal(call)["id"],
        "resourceDisplayName": "Microsoft Graph",
    }
