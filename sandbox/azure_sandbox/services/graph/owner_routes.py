# SPDX-License-Identifier: Apache-2.0
"""Owners of applications, and what a service principal owns, of graph.microsoft.com/v1.0 on the wire.

Source: "List owners of an application", "Add owner", "Remove owner", "servicePrincipals: List ownedObjects" of the
Microsoft Graph reference.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.graph import records
from azure_sandbox.services.graph.answers import listed
from azure_sandbox.services.graph.refusals import bad_request, missing
from azure_sandbox.services.graph.service import Find, Graph, addressed

_Handler = Callable[[Graph, Call], Awaitable[Response]]
_REFERENCE = re.compile(
    r"https://[^/]+/v1\.0/(?:directoryObjects|servicePrincipals)/([^/?()]+)", re.IGNORECASE
)


def routes() -> list[tuple[str, str, _Handler]]:
    """Method, path below ``/v1.0``, handler."""
    found: list[tuple[str, str, _Handler]] = []
    for one in ("/applications/{id}", "/applications{key}"):
        found += [
            ("GET", f"{one}/owners", _list),
            ("POST", f"{one}/owners/$ref", _add),
            ("DELETE", f"{one}/owners/{{owner}}/$ref", _remove),
        ]
    for one in ("/servicePrincipals/{id}", "/servicePrincipals{key}"):
        found.append(("GET", f"{one}/ownedObjects", _owned))
    return found


async def _list(graph: Graph, call: Call) -> Response:
    owners = [graph.principal(owner) for owner in _application(graph.readable, call).owners]
    return listed(call, "directoryObjects", [records.service_principal(one) for one in owners if one])


async def _add(graph: Graph, call: Call) -> Response:
    application = _application(graph.writable, call)
    body = await call.json()
    named = _REFERENCE.fullmatch(str(body.get("@odata.id")))
    if named is None:
        raise bad_request("The reference must be provided in the request body.")
    owner = graph.principal(named[1])
    if owner is None:
        raise missing(named[1])
    if owner.principal_id in application.owners:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    graph.save(replace(application, owners=(*application.owners, owner.principal_id)))
    return Response(status_code=204)


async def _remove(graph: Graph, call: Call) -> Response:
    application, owner = _application(graph.writable, call), call.params["owner"].lower()
    kept = tuple(each for each in application.owners if each.lower() != owner)
    if len(kept) == len(application.owners):
        raise missing(owner)
    graph.save(replace(application, owners=kept))
    return Response(status_code=204)


async def _owned(graph: Graph, call: Call) -> Response:
    """Applications and groups; service principals have no owners here."""
    owner = addressed(graph.owner, call, "principal_id", applications=False)
    applications = [
        {"@odata.type": "#microsoft.graph.application", **records.application(one)}
        for one in graph.owned(owner)
    ]
    groups = [_group(graph, call, one) for one in graph.groups.owned(owner.principal_id)]
    return listed(call, "directoryObjects", [*applications, *groups])


def _group(graph: Graph, call: Call, group: Group) -> dict[str, Any]:
    """Its type and id, and the rest as null where the caller may not read it."""
    shown = records.group(group)
    if not graph.groups.may_read(call.caller):
        shown = {**dict.fromkeys(shown), "id": group.id}
    return {"@odata.type": "#microsoft.graph.group", **shown}


def _application(find: Find, call: Call) -> Identity:
    return addressed(find, call, "application_id", applications=True)
