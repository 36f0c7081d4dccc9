# SPDX-License-Identifier: Apache-2.0
"""Groups and memberships of graph.microsoft.com/v1.0 on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.graph import records
from azure_sandbox.services.graph.answers import context, listed, single
from azure_sandbox.services.graph.groups import GroupService
from azure_sandbox.services.graph.query import alternate_key
from azure_sandbox.services.graph.refusals import bad_request, missing
from azure_sandbox.services.graph.service import Graph

_Handler = Callable[[Graph, Call], Awaitable[Response]]
_OBJECTS = "directoryObjects"


def routes() -> list[tuple[str, str, _Handler]]:
    """Method, path below ``/v1.0``, handler."""
    one = "/groups/{id}"
    found: list[tuple[str, str, _Handler]] = [
        ("GET", "/groups", _list),
        ("POST", "/groups", _create),
        ("GET", one, _get),
        ("PATCH", one, _patch),
        ("DELETE", one, _delete),
        ("GET", f"{one}/members", partial(_members, transitive=False)),
        ("GET", f"{one}/transitiveMembers", partial(_members, transitive=True)),
        ("POST", f"{one}/members/$ref", _add_member),
        ("DELETE", f"{one}/members/{{member}}/$ref", _remove_member),
    ]
    for member in (one, "/servicePrincipals/{id}", "/servicePrincipals{key}", "/directoryObjects/{id}"):
        found += [
            ("GET", f"{member}/memberOf", partial(_groups_of, transitive=False)),
            ("GET", f"{member}/transitiveMemberOf", partial(_groups_of, transitive=True)),
            ("POST", f"{member}/getMemberGroups", _member_groups),
        ]
    return found


async def _list(graph: Graph, call: Call) -> Response:
    return listed(call, "groups", [records.group(one) for one in graph.groups.visible(call.caller)])


async def _create(graph: Graph, call: Call) -> Response:
    made = graph.groups.create(call.caller, await call.json())
    return JSONResponse({"@odata.context": f"{context(call, 'groups')}/$entity", **records.group(made)}, 201)


async def _get(graph: Graph, call: Call) -> Response:
    return single(call, "groups", records.group(graph.groups.readable(call.caller, call.params["id"])))


async def _patch(graph: Graph, call: Call) -> Response:
    graph.groups.update(call.caller, call.params["id"], await call.json())
    return Response(status_code=204)


async def _delete(graph: Graph, call: Call) -> Response:
    graph.groups.delete(call.caller, call.params["id"])
    return Response(status_code=204)


async def _members(graph: Graph, call: Call, *, transitive: bool) -> Response:
    found = graph.groups.members(call.caller, call.params["id"], transitive=transitive)
    return listed(call, _OBJECTS, [_object(one) for one in found])


async def _add_member(graph: Graph, call: Call) -> Response:
    graph.groups.add_member(call.caller, call.params["id"], await call.json())
    return Response(status_code=204)


async def _remove_member(graph: Graph, call: Call) -> Response:
    graph.groups.remove_member(call.caller, call.params["id"], call.params["member"])
    return Response(status_code=204)


async def _groups_of(graph: Graph, call: Call, *, transitive: bool) -> Response:
    found = graph.groups.groups_of(call.caller, _member(graph.groups, call), transitive=transitive)
    return listed(call, _OBJECTS, [_object(one) for one in found])


async def _member_groups(graph: Graph, call: Call) -> Response:
    body = await call.json()
    if not isinstance(body.get("securityEnabledOnly"), bool):
        raise bad_request("Required parameter 'securityEnabledOnly' is missing.")
    found = graph.groups.memberships(call.caller, _member(graph.groups, call))
    return JSONResponse({"@odata.context": context(call, "Collection(Edm.String)"), "value": found})


def _member(groups: GroupService, call: Call) -> str:
    """The object id that a path names.

    :raises AzureError: 404 where ``(appId='...')`` names nobody
    """
    if "key" not in call.params:
        return call.params["id"]
    client_id = alternate_key(call.params["key"])
    object_id = groups.object_id_of(client_id)
    if object_id is None:
        raise missing(client_id)
    return object_id


def _object(one: Group | Identity | str) -> dict[str, Any]:
    """With its type; nothing else but the id where the caller may not read it."""
    if isinstance(one, Group):
        return {"@odata.type": "#microsoft.graph.group", **records.group(one)}
    if isinstance(one, Identity):
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **records.service_principal(one)}
    return {"@odata.type": "#microsoft.graph.servicePrincipal", "id": one}
