# SPDX-License-Identifier: Apache-2.0
"""Making and owning of applications, and Graph's own permissions, on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.graph import records
from azure_sandbox.services.graph.answers import context, listed
from azure_sandbox.services.graph.service import Graph, addressed

_Handler = Callable[[Graph, Call], Awaitable[Response]]


def routes() -> list[tuple[str, str, _Handler]]:
    """Method, path below ``/v1.0``, handler."""
    found: list[tuple[str, str, _Handler]] = [
        ("POST", "/applications", _create),
        ("POST", "/servicePrincipals", _create_principal),
    ]
    for one in ("/applications/{id}", "/applications{key}"):
        found += [("GET", f"{one}/owners", _owners), ("POST", f"{one}/owners/$ref", _add_owner)]
    for one in ("/servicePrincipals/{id}", "/servicePrincipals{key}"):
        found += [
            ("GET", f"{one}/appRoleAssignments", _given),
            ("POST", f"{one}/appRoleAssignments", _give),
        ]
    return found


async def _create(graph: Graph, call: Call) -> Response:
    made = graph.registrations.create(call.caller, await call.json())
    return _made(call, "applications", records.application(made))


async def _create_principal(graph: Graph, call: Call) -> Response:
    made = graph.registrations.create_principal(call.caller, await call.json())
    return _made(call, "servicePrincipals", records.service_principal(made))


def _made(call: Call, collection: str, resource: records.Resource) -> Response:
    return JSONResponse({"@odata.context": f"{context(call, collection)}/$entity", **resource}, 201)


async def _owners(graph: Graph, call: Call) -> Response:
    application = addressed(graph.readable, call, "application_id", applications=True)
    owners = graph.registrations.owners(application)
    return listed(call, "directoryObjects", [records.service_principal(owner) for owner in owners])


async def _add_owner(graph: Graph, call: Call) -> Response:
    application = addressed(graph.writable, call, "application_id", applications=True)
    graph.registrations.add_owner(application, await call.json())
    return Response(status_code=204)


def _principal(graph: Graph, call: Call) -> Identity:
    return addressed(graph.readable, call, "principal_id", applications=False)


async def _given(graph: Graph, call: Call) -> Response:
    return listed(call, "appRoleAssignments", graph.registrations.given(_principal(graph, call)))


async def _give(graph: Graph, call: Call) -> Response:
    principal = _principal(graph, call)
    given = graph.registrations.give(call.caller, principal, await call.json())
    return _made(call, "appRoleAssignments", given)
