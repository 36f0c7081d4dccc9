# SPDX-License-Identifier: Apache-2.0
"""The request path, and the list of services, on one page.

A request is given an id, then: host -> surface, who is it, path -> operation, may they, handler,
and on any refusal the surface's own error format. One line per request goes to the request log.

Faults strike in two places: ``handle`` asks for a rule where the handler would run (``before`` takes the
handler's place), and ``app`` hands a struck answer to ``gateway/damage.py``.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from azure_sandbox.gateway import damage
from azure_sandbox.kernel import seed
from azure_sandbox.kernel.clock import Clock, SystemClock, http_date
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, empty_on_head
from azure_sandbox.kernel.fault_rules import Asked, Rule
from azure_sandbox.kernel.inward import INWARD, Unreachable, http_scope
from azure_sandbox.kernel.ledger import Actor, acting
from azure_sandbox.kernel.operation import COMPONENT, PUBLIC, Call, Router, Surface, component_of
from azure_sandbox.kernel.ports import Web
from azure_sandbox.kernel.service import Service
from azure_sandbox.services import (
    arm,
    aws,
    containerregistry,
    control,
    entra,
    gcp,
    graph,
    imds,
    keyvault,
    machinelearning,
    oidc,
    okta,
    storage,
)

log = logging.getLogger(__name__)

#: What this sandbox runs; the order is the order of seeding (principals before their grants).
SERVICES: tuple[Callable[[Cloud], Service], ...] = (
    oidc.service,
    okta.service,
    aws.service,
    gcp.service,
    entra.service,
    imds.service,
    graph.service,
    storage.service,
    keyvault.service,
    containerregistry.service,
    machinelearning.service,
    arm.service,
    control.service,
)


def create_cloud(data: Path, document: seed.Seed, clock: Clock | None = None) -> Cloud:
    """A cloud with the seed's tenant, subscription and region; its services are not there yet.

    :raises azure_sandbox.kernel.seed.InvalidSeed: where it is none of the three clouds
    """
    azure = seed.azure(document)
    return Cloud(
        data,
        seed.tenant_id(document),
        seed.subscription_id(document),
        str(document.get("location") or azure.location),
        clock or SystemClock(),
        azure,
        network=seed.network(document),
    )


def create_services(cloud: Cloud, document: seed.Seed) -> list[Service]:
    """All services, seeded in order.

    :raises azure_sandbox.kernel.seed.InvalidSeed: naming the section and the mend
    """
    services = [create(cloud) for create in SERVICES]
    for service in services:
        service.seed(document)
    return services


def create_router(cloud: Cloud, services: list[Service]) -> Router:
    """Also offers the port ``Web``: what the router serves is what services can read of each other."""
    router = Router([operation for service in services for operation in service.operations], cloud.azure)
    cloud.provide(Web, Loopback(router, cloud))
    return router


def create_app(cloud: Cloud, services: list[Service], requests: RequestLog) -> ASGIApp:
    router = create_router(cloud, services)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        started = time.perf_counter()
        call, response = await respond(router, cloud, request)
        try:
            if call.fault is None:
                await response(scope, receive, send)
            else:
                await damage.deliver(call.fault, response, scope, receive, send)
        finally:
            requests.write(call, response.status_code, time.perf_counter() - started)

    return app


async def respond(router: Router, cloud: Cloud, request: Request) -> tuple[Call, Response]:
    """The answer to one request, and the call with the fault that is still to damage its delivery."""
    call = Call(cloud, request, {}, request_id=str(uuid.uuid4()))
    request.scope["x-ms-request-id"] = call.request_id
    host = host_of(request)
    found = router.surface(host, call.path)
    if found is None:
        text = f"No service at {host!r}."
        response: Response = JSONResponse({"error": {"code": "HostNotFound", "message": text}}, 404)
    else:
        request.scope[COMPONENT] = found[0].name
        response = await answer(router, call, *found)
    if call.fault is not None:
        response = damage.in_place(call.fault, response)
    if call.quota:
        response.headers.update(call.quota)
    response.headers.setdefault("x-ms-request-id", call.request_id)
    response.headers.setdefault("date", http_date(cloud.clock.time_of(component_of(request))))
    return call, response


async def answer(router: Router, call: Call, surface: Surface, host_params: dict[str, str]) -> Response:
    """The answer of a surface; every failure is rendered by it."""
    request = call.request
    try:
        call.cloud.agenda.catch_up()
        return await handle(router, surface, call, host_params)
    except AzureError as error:
        return empty_on_head(surface.render_error(error, request), request)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception:
        log.exception("%s %s%s failed", request.method, host_of(request), call.path)
        fault = AzureError(500, "InternalServerError", "The server encountered an internal error.")
        return empty_on_head(surface.render_error(fault, request), request)


async def handle(router: Router, surface: Surface, call: Call, host_params: dict[str, str]) -> Response:
    request = call.request
    # hadoop-azure cannot send PATCH from an old JVM's HTTP client: it overrides PUT.
    method = request.headers.get("x-http-method-override", request.method).upper()
    raw_path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    found = router.operation(surface, method, raw_path)
    if found is None or found[0].action != PUBLIC:
        # Strangers learn nothing, not even which paths exist.
        call.caller = surface.authenticate(call.cloud, request)
        if call.cloud.throttle.limits:
            call.quota = call.cloud.throttle.admit(surface.name, method, call.caller.object_id)
    if found is None:
        raise AzureError(404, "ResourceNotFound", f"No operation answers {method} {call.path}.")
    operation, path_params = found
    call.params = {**host_params, **path_params}
    if operation.needs_body is not None and operation.needs_body(call):
        await call.body()
    need = operation.need(call)
    if need is not None and not surface.permits(call.cloud, call.caller, need):
        raise surface.denied(call.caller, need)
    scenarios = call.cloud.scenarios.of(request.headers, call.caller.object_id)
    # The control API must stay able to take the faults away.
    if call.cloud.faults.rules and surface.name != "control":
        inward = INWARD in request.scope
        asked = Asked(method, host_of(request), call.path, call.caller.object_id, scenarios, inward)
        call.fault = call.cloud.faults.strike(asked)
        if call.fault is not None and call.fault.phase == "before":
            return _instead(call.fault)
    acting.set(Actor(call.caller.object_id, call.request_id, scenarios))
    return await operation.handler(call)


class Loopback:
    """Implements the port ``Web``."""

    def __init__(self, router: Router, cloud: Cloud) -> None:
        self._router = router
        self._cloud = cloud

    async def get(self, url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" or self._cloud.faults.strike_connection(parts.netloc):
            raise Unreachable(f"{url} has no address")
        scope = {**http_scope("GET", parts, {"user-agent": "azure-sandbox"}), INWARD: True}
        before = acting.get()
        call, response = await respond(self._router, self._cloud, Request(scope))
        acting.set(before)
        if response.status_code != 200 or (call.fault is not None and call.fault.action.ends_connection):
            raise Unreachable(f"{url} answered {response.status_code}")
        return bytes(getattr(response, "body", b""))


def _instead(fault: Rule) -> Response:
    """What stands where the handler's answer would; its delivery is the rule's affair.

    :raises AzureError: where the surface is to word it
    """
    refusal = fault.refusal
    if refusal is not None:
        raise refusal
    return Response(status_code=499)


def host_of(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0]


class RequestLog:
    """One JSON line per request: who asked what, and the answer. No query strings: SAS live there."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf8", buffering=1 << 16)

    def close(self) -> None:
        """Requests that outlive the gateway are no longer written down."""
        self._file.close()

    def write(self, call: Call, status: int, seconds: float) -> None:
        if self._file.closed:
            return
        request = call.request
        line: dict[str, Any] = {
            "time": round(call.cloud.clock.time(), 3),
            "method": request.method,
            "host": request.headers.get("host", ""),
            "path": call.path,
            "action": request.query_params.get("action") or request.query_params.get("comp"),
            "status": status,
            "ms": round(seconds * 1000, 1),
            "caller": call.caller.kind,
            "object_id": call.caller.object_id,
            "user_agent": request.headers.get("user-agent", ""),
            "request_id": call.request_id,
            "client_request_id": request.headers.get("x-ms-client-request-id"),
            **({"fault": call.fault.id} if call.fault else {}),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
