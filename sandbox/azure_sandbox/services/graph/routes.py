# SPDX-License-Identifier: Apache-2.0
"""graph.microsoft.com/v1.0 on the wire."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import Clock, utc
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.operation import ANY_CALLER, Call, Caller, Need, Operation, Surface, bearer_for
from azure_sandbox.services.graph import group_routes, lifecycle, owner_routes, permission_routes, records
from azure_sandbox.services.graph.answers import context, listed, single
from azure_sandbox.services.graph.service import Find, Graph, addressed

_UNAUTHORIZED = {
    "missing": "Access token is empty.",
    "expired": "Lifetime validation failed, the token is expired.",
    "audience": "Access token validation failure. Invalid audience.",
}

_Handler = Callable[[Graph, Call], Awaitable[Response]]


def operations(cloud: Cloud, graph: Graph) -> list[Operation]:
    authenticate = bearer_for(lambda azure: [azure.graph_audience], partial(_unauthorized, cloud))
    surface = Surface("graph", ("$graph",), authenticate, partial(_render, cloud.clock), _no_rbac)
    # Graph's own permissions decide, not Azure RBAC: the service checks them on every path.
    return [
        Operation(surface, method, f"/v1.0{path}", partial(handler, graph), ANY_CALLER)
        for method, path, handler in _routes()
        + lifecycle.routes()
        + group_routes.routes()
        + owner_routes.routes()
        + permission_routes.routes()
    ]


def _routes() -> list[tuple[str, str, _Handler]]:
    routes: list[tuple[str, str, _Handler]] = [
        ("GET", "/applications", _list_applications),
        ("GET", "/servicePrincipals", _list_principals),
    ]
    # Every object is reached by its id and by the alternate key (appId='...').
    for one in ("/applications/{id}", "/applications{key}"):
        credentials = f"{one}/federatedIdentityCredentials"
        routes += [
            ("GET", one, _get_application),
            ("PATCH", one, _patch_application),
            ("POST", f"{one}/addPassword", _add_password),
            ("POST", f"{one}/removePassword", _remove_password),
            ("GET", credentials, _list_federated),
            ("POST", credentials, _add_federated),
            ("GET", credentials + "/{credential}", _get_federated),
            ("PATCH", credentials + "/{credential}", _patch_federated),
            ("DELETE", credentials + "/{credential}", _delete_federated),
        ]
    for one in ("/servicePrincipals/{id}", "/servicePrincipals{key}"):
        routes += [("GET", one, _get_principal), ("PATCH", one, _patch_principal)]
    return routes


def _unauthorized(cloud: Cloud, why: str) -> AzureError:
    login = f"{cloud.azure.authority}/common/oauth2/authorize"
    return AzureError(
        401,
        "InvalidAuthenticationToken",
        _UNAUTHORIZED.get(why, "Access token validation failure. Invalid signature or shape."),
        headers={"WWW-Authenticate": f'Bearer realm="", authorization_uri="{login}"'},
    )


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def _render(clock: Clock, error: AzureError, request: Request) -> Response:
    asked = request.headers.get("client-request-id")
    identifier = str(uuid.uuid4())
    inner = {
        "date": utc(clock.time()).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": identifier,
        "client-request-id": asked or identifier,
    }
    content = {"error": {"code": error.code, "message": error.message, **error.body, "innerError": inner}}
    return JSONResponse(content, error.status, headers={"request-id": identifier, **error.headers})


async def _list_applications(graph: Graph, call: Call) -> Response:
    rows = [records.application(row) for row in graph.visible(call.caller, applications=True)]
    return listed(call, "applications", rows)


async def _list_principals(graph: Graph, call: Call) -> Response:
    rows = [records.service_principal(row) for row in graph.visible(call.caller, applications=False)]
    return listed(call, "servicePrincipals", [*rows, permission_routes.graph_principal(call)])


async def _get_application(graph: Graph, call: Call) -> Response:
    return single(call, "applications", records.application(_application(graph.readable, call)))


async def _patch_application(graph: Graph, call: Call) -> Response:
    body = await call.json()
    change = graph.rename if set(body) == {"displayName"} else graph.replace_keys
    change(_application(graph.writable, call), body)
    return Response(status_code=204)


async def _add_password(graph: Graph, call: Call) -> Response:
    password, text = graph.add_password(_application(graph.writable, call), await call.json())
    content = records.password(password, text)
    return JSONResponse({"@odata.context": context(call, "microsoft.graph.passwordCredential"), **content})


async def _remove_password(graph: Graph, call: Call) -> Response:
    graph.remove_password(_application(graph.writable, call), await call.json())
    return Response(status_code=204)


async def _list_federated(graph: Graph, call: Call) -> Response:
    application = _application(graph.readable, call)
    return listed(call, _FEDERATED, [records.federated(entry) for entry in application.federated])


async def _get_federated(graph: Graph, call: Call) -> Response:
    credential = graph.federated(_application(graph.readable, call), call.params["credential"])
    return single(call, _FEDERATED, records.federated(credential))


async def _add_federated(graph: Graph, call: Call) -> Response:
    credential = graph.add_federated(_application(graph.writable, call), await call.json())
    content = {"@odata.context": context(call, _FEDERATED), **records.federated(credential)}
    return JSONResponse(content, 201)


async def _patch_federated(graph: Graph, call: Call) -> Response:
    graph.update_federated(_application(graph.writable, call), call.params["credential"], await call.json())
    return Response(status_code=204)


async def _delete_federated(graph: Graph, call: Call) -> Response:
    graph.remove_federated(_application(graph.writable, call), call.params["credential"])
    return Response(status_code=204)


async def _get_principal(graph: Graph, call: Call) -> Response:
    if permission_routes.is_graph(call):
        graph.visible(call.caller, applications=False)
        return single(call, "servicePrincipals", permission_routes.graph_principal(call))
    return single(call, "servicePrincipals", records.service_principal(_principal(graph.readable, call)))


async def _patch_principal(graph: Graph, call: Call) -> Response:
    graph.set_enabled(_principal(graph.writable, call), await call.json())
    return Response(status_code=204)


_FEDERATED = "federatedIdentityCredentials"


def _application(find: Find, call: Call) -> Identity:
    return addressed(find, call, "application_id", applications=True)


def _principal(find: Find, call: Call) -> Identity:
    return addressed(find, call, "principal_id", applications=False)
