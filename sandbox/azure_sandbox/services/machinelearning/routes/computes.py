# SPDX-License-Identifier: Apache-2.0
"""Compute targets of a workspace."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.machinelearning import computes
from azure_sandbox.services.machinelearning.identities import check_assignable
from azure_sandbox.services.machinelearning.records import ACTION, Compute, Json, Workspace, user_error
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.workspaces import asset_not_found


def operations(service: MachineLearning) -> list[Operation]:
    routes, bind = _Routes(service), Binder(service)
    return [
        bind.arm("GET", "/computes", routes.listed, "/computes/read"),
        bind.arm("GET", "/computes/{c}", routes.get, "/computes/read"),
        bind.arm("PUT", "/computes/{c}", routes.put, "/computes/write"),
        bind.arm("PATCH", "/computes/{c}", routes.patch, "/computes/write"),
        bind.arm("DELETE", "/computes/{c}", routes.delete, "/computes/delete"),
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._workspaces = service.workspaces
        self._cloud = service.cloud

    async def listed(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse({"value": [self._rendered(workspace, item) for item in workspace.computes]})

    async def get(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(self._rendered(workspace, _named(call, workspace)))

    async def put(self, call: Call, workspace: Workspace) -> Response:
        body = await call.json()
        workspace = self._workspaces.again(workspace)
        return self._change(call, workspace, workspace.compute(call.params["c"]), body)

    async def patch(self, call: Call, workspace: Workspace) -> Response:
        body = await call.json()
        workspace = self._workspaces.again(workspace)
        return self._change(call, workspace, _named(call, workspace), body)

    def _change(self, call: Call, workspace: Workspace, before: Compute | None, body: Json) -> Response:
        """Done when it answers."""
        compute = computes.from_arm(before.name if before else call.params["c"], body, before)
        self._check_identities(call, workspace, before, compute)
        others = tuple(item for item in workspace.computes if item is not before)
        self._workspaces.save(replace(workspace, computes=(*others, compute)))
        return JSONResponse(self._rendered(workspace, compute), 200 if before else 201)

    def _check_identities(
        self, call: Call, workspace: Workspace, before: Compute | None, compute: Compute
    ) -> None:
        scope = f"{workspace.scope}/computes/{compute.name}"
        for name in compute.identities:
            identity = self._workspaces.identity(name)
            if identity is None:
                raise user_error(
                    f"The identity '{name}' does not exist.", inner=("BadArgument", "InvalidIdentity")
                )
            if before is None or name not in before.identities:
                check_assignable(self._cloud, call.caller, f"{ACTION}/computes/write", scope, identity)

    async def delete(self, call: Call, workspace: Workspace) -> Response:
        compute = _named(call, workspace)
        kept = tuple(item for item in workspace.computes if item is not compute)
        self._workspaces.save(replace(workspace, computes=kept))
        return Response(status_code=200)

    def _rendered(self, workspace: Workspace, compute: Compute) -> Json:
        found = self._workspaces.compute_identities(workspace, compute)
        return computes.rendered(self._cloud, workspace, compute, found)


def _named(call: Call, workspace: Workspace) -> Compute:
    found = workspace.compute(call.params["c"])
    if found is None:
        raise asset_not_found("compute", call.params["c"])
    return found
