# SPDX-License-Identifier: Apache-2.0
"""Applications and service principals come and go; objects of any kind by their ids.

Source: https://learn.microsoft.com/graph/api/application-post-applications,
.../serviceprincipal-post-serviceprincipals, .../application-delete, .../directoryobject-getbyids.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.identity import APPLICATION, Certificate, Identity
from azure_sandbox.kernel.operation import Call, Caller
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.services.graph import records
from azure_sandbox.services.graph.answers import context
from azure_sandbox.services.graph.refusals import bad_request, conflict, denied, holds
from azure_sandbox.services.graph.service import READ_ALL, Graph, addressed, certificates_of

_CREATE = {"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}
#: Ids that one request may ask for.
_MOST_IDS = 1000
#: What a new application may say of itself here; the rest of a body is ignored, as nothing reads it.
_LONGEST_NAME = 256

_Handler = Callable[[Graph, Call], Awaitable[Response]]


def routes() -> list[tuple[str, str, _Handler]]:
    return [
        ("POST", "/applications", _create_application),
        ("POST", "/servicePrincipals", _create_principal),
        ("POST", "/directoryObjects/getByIds", _by_ids),
        *(
            ("DELETE", f"/{collection}{one}", partial(_delete, by=by))
            for collection, by in (("applications", "application_id"), ("servicePrincipals", "principal_id"))
            for one in ("/{id}", "{key}")
        ),
    ]


async def _create_application(graph: Graph, call: Call) -> Response:
    body = await call.json()
    name = body.get("displayName")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise bad_request("Invalid value specified for property 'displayName' of resource 'Application'.")
    certificates = certificates_of(body) if body.get("keyCredentials") else ()
    made = _new_application(call, name, certificates)
    content = {"@odata.context": f"{context(call, 'applications')}/$entity", **records.application(made)}
    return JSONResponse(content, 201)


def _new_application(call: Call, name: str, certificates: tuple[Certificate, ...]) -> Identity:
    """Registered, and owned by who registered it; nobody signs in before it has a service principal."""
    _check(call.caller, _CREATE)
    made = Identity(
        APPLICATION,
        name,
        str(uuid.uuid4()),
        "",
        application_id=str(uuid.uuid4()),
        owners=(call.caller.object_id,),
        created=call.cloud.clock.time(),
        certificates=certificates,
    )
    call.cloud.port(Registry).save(made)
    return made


async def _create_principal(graph: Graph, call: Call) -> Response:
    _check(call.caller, _CREATE)
    app_id = (await call.json()).get("appId")
    if not isinstance(app_id, str):
        raise bad_request("Invalid value specified for property 'appId' of resource 'ServicePrincipal'.")
    registered = graph.writable(call.caller, app_id, by="client_id", applications=True)
    if registered.principal_id:
        raise conflict(
            f"The service principal cannot be created, updated, or restored because the service principal "
            f"name {app_id} is already in use."
        )
    made = replace(registered, principal_id=str(uuid.uuid4()), enabled=True)
    call.cloud.port(Registry).save(made)
    resource = records.service_principal(made)
    return JSONResponse({"@odata.context": f"{context(call, 'servicePrincipals')}/$entity", **resource}, 201)


async def _delete(graph: Graph, call: Call, *, by: str) -> Response:
    """An application goes with its service principal; that one can go alone."""
    applications = by == "application_id"
    found = addressed(graph.writable, call, by, applications=applications)
    if found.kind != APPLICATION:
        raise bad_request("The service principal of a managed identity goes with the managed identity.")
    registry = call.cloud.port(Registry)
    registry.remove(found)
    if not applications:
        registry.save(replace(found, principal_id=""))
    return Response(status_code=204)


async def _by_ids(graph: Graph, call: Call) -> Response:
    """Those that exist and the caller may read; ids of nobody are left out."""
    _check(call.caller, READ_ALL)
    ids = (await call.json()).get("ids")
    if not isinstance(ids, list) or len(ids) > _MOST_IDS or not all(isinstance(i, str) for i in ids):
        raise bad_request("Invalid value specified for property 'ids' of resource.")
    found = [resource for identifier in ids if (resource := _object(call, identifier)) is not None]
    return JSONResponse({"@odata.context": context(call, "directoryObjects"), "value": found})


def _object(call: Call, identifier: str) -> dict[str, Any] | None:
    identity = call.cloud.port(Registry).identity(identifier)
    if identity is not None and identity.principal_id.lower() == identifier.lower():
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **records.service_principal(identity)}
    if identity is not None and identity.application_id.lower() == identifier.lower():
        return {"@odata.type": "#microsoft.graph.application", **records.application(identity)}
    group = next((g for g in call.cloud.rbac.groups.all() if g.id.lower() == identifier.lower()), None)
    return {"@odata.type": "#microsoft.graph.group", **records.group(group)} if group else None


def _check(caller: Caller, roles: set[str]) -> None:
    if not holds(caller, roles):
        raise denied()
