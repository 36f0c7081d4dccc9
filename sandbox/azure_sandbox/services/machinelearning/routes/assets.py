# SPDX-License-Identifier: Apache-2.0
"""Codes, environments, data, models, components: containers, versions, uploads."""

from __future__ import annotations

import re

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import bad_request
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.machinelearning.assets import KINDS
from azure_sandbox.services.machinelearning.records import Json, Workspace
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.service import MachineLearning


def operations(service: MachineLearning) -> list[Operation]:
    return [operation for route in KINDS for operation in _family(service, route)]


def _family(service: MachineLearning, route: str) -> list[Operation]:
    bind, routes = Binder(service), _Routes(service, route)
    read, write = f"/{route}/versions/read", f"/{route}/versions/write"
    version = f"/{route}/{{n}}/versions/{{v}}"
    return [
        bind.arm("GET", f"/{route}", routes.containers, f"/{route}/read"),
        bind.arm("GET", f"/{route}/{{n}}", routes.container, f"/{route}/read"),
        bind.arm("GET", f"/{route}/{{n}}/versions", routes.versions, read),
        bind.arm("GET", version, routes.get, read),
        bind.arm("PUT", version, routes.put, write),
        bind.arm("POST", f"{version}/startPendingUpload", routes.pending_upload, write),
    ]


class _Routes:
    def __init__(self, service: MachineLearning, route: str) -> None:
        self._assets = service.assets
        self._route = route

    async def containers(self, call: Call, workspace: Workspace) -> Response:
        names = self._assets.names(workspace, self._route)
        return _page([self._assets.container(workspace, self._route, name) for name in names])

    async def container(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(self._assets.container(workspace, self._route, call.params["n"]))

    async def versions(self, call: Call, workspace: Workspace) -> Response:
        if self._route == "codes" and call.query.get("hash"):
            found = self._assets.with_hash(workspace, call.query["hash"])
        else:
            found = self._assets.versions(workspace, self._route, call.params["n"])
        if "asc" in call.query.get("$orderBy", "").lower().split():
            found.reverse()
        found = found[: _top(call)]
        return _page([self._assets.resource(workspace, self._route, entry) for entry in found])

    async def get(self, call: Call, workspace: Workspace) -> Response:
        params = call.params
        return JSONResponse(self._assets.get(workspace, self._route, params["n"], params["v"]))

    async def put(self, call: Call, workspace: Workspace) -> Response:
        params, document = call.params, await call.json()
        author = call.caller.object_id
        resource, new = self._assets.put(workspace, self._route, params["n"], params["v"], document, author)
        return JSONResponse(resource, 201 if new else 200)

    async def pending_upload(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(self._assets.pending_upload(workspace, call.params["n"], call.params["v"]))


def _top(call: Call) -> int | None:
    text = call.query.get("$top")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_request("BadRequest", f"$top is a whole number, not '{text}'.")
    return int(text)


def _page(value: list[Json]) -> Response:
    return JSONResponse({"value": value, "nextLink": None})
