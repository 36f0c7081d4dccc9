# SPDX-License-Identifier: Apache-2.0
"""Ties handlers that know a workspace to paths below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from azure_sandbox.kernel.operation import Call, Handler, Need, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.machinelearning.records import ACTION, Workspace
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.surfaces import REGION

WORKSPACES = f"/subscriptions/{{s}}/resourceGroups/{{g}}/providers/{ACTION}"
WORKSPACE = f"{WORKSPACES}/{{w}}"

WorkspaceHandler = Callable[[Call, Workspace], Awaitable[Response]]


class Binder:
    """Makes the operations of one family."""

    def __init__(self, service: MachineLearning) -> None:
        self._service = service

    def arm(self, method: str, path: str, handler: WorkspaceHandler, action: str) -> Operation:
        """An operation below the workspace in ARM; ``action`` is written from ``workspaces/`` on."""
        return Operation(MANAGEMENT, method, WORKSPACE + path, self._resolve(handler), f"{ACTION}{action}")

    def region(self, method: str, path: str, handler: WorkspaceHandler, action: str) -> Operation:
        """An operation of the region's host; ``{ws}`` in the path stands for the workspace's ARM id."""
        return Operation(
            REGION, method, path.replace("{ws}", WORKSPACE), self._resolve(handler), self._need(action)
        )

    def _resolve(self, handler: WorkspaceHandler) -> Handler:
        async def resolved(call: Call) -> Response:
            params = call.params
            workspace = self._service.workspaces.get(params["s"], params["g"], params["w"])
            return await handler(call, workspace)

        return resolved

    def _need(self, action: str) -> Callable[[Call], Need]:
        def need(call: Call) -> Need:
            scope = call.cloud.resource_scope(call.params["g"], ACTION, call.params["w"])
            return Need(f"{ACTION}{action}", scope.replace(call.cloud.subscription_id, call.params["s"]))

        return need
