# SPDX-License-Identifier: Apache-2.0
"""Jobs in ARM: PUT, GET, list, cancel, delete, and the operations that the last two start."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.operation import ANY_CALLER, Call, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.machinelearning.records import PROVIDER, Workspace
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.views import job_resource

_RESULTS = f"/subscriptions/{{s}}/providers/{PROVIDER}/locations/{{r}}/mfeOperationResults/{{id}}"
#: Without it, or with 0, the SDK sleeps 30 s between polls (measured).
_POLL = {"Retry-After": "1"}


def operations(service: MachineLearning) -> list[Operation]:
    routes, bind = _Routes(service), Binder(service)
    return [
        bind.arm("GET", "/jobs", routes.list, "/jobs/read"),
        bind.arm("GET", "/jobs/{j}", routes.get, "/jobs/read"),
        bind.arm("PUT", "/jobs/{j}", routes.put, "/jobs/write"),
        bind.arm("DELETE", "/jobs/{j}", routes.delete, "/jobs/delete"),
        bind.arm("POST", "/jobs/{j}/cancel", routes.cancel, "/jobs/cancel/action"),
        # The id is unguessable and tells nothing but "done"; roles end at the workspace, this path does not.
        Operation(MANAGEMENT, "GET", _RESULTS, routes.operation, ANY_CALLER),
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._service = service
        self._jobs = service.jobs

    async def list(self, call: Call, workspace: Workspace) -> Response:
        runs, token = self._jobs.page(workspace, call.query)
        value = [job_resource(call.cloud, workspace, run) for run in runs]
        link = None
        if token:
            query = urlencode({**call.query, "$skip": token}, quote_via=quote, safe="$,=-")
            link = f"https://{call.cloud.azure.management}{workspace.scope}/jobs?{query}"
        return JSONResponse({"value": value, "nextLink": link})

    async def get(self, call: Call, workspace: Workspace) -> Response:
        run = self._jobs.get(workspace, call.params["j"])
        return JSONResponse(job_resource(call.cloud, workspace, run))

    async def put(self, call: Call, workspace: Workspace) -> Response:
        document = await call.json()
        run, new = self._jobs.put(workspace, call.params["j"], document, call.caller)
        return JSONResponse(job_resource(call.cloud, workspace, run), 201 if new else 200)

    async def cancel(self, call: Call, workspace: Workspace) -> Response:
        operation = self._jobs.cancel(workspace, call.params["j"])
        return _accepted(call, operation) if operation else Response(status_code=200)

    async def delete(self, call: Call, workspace: Workspace) -> Response:
        return _accepted(call, self._jobs.delete(workspace, call.params["j"]))

    async def operation(self, call: Call) -> Response:
        if self._jobs.operation_done(call.params["id"]):
            return Response(status_code=204)
        return _accepted(call, call.params["id"])


def _accepted(call: Call, operation: str) -> Response:
    path = _RESULTS.format(s=call.cloud.subscription_id, r=call.cloud.location, id=operation)
    version = call.query.get("api-version", "2024-10-01")
    location = f"https://{call.cloud.azure.management}{path}?api-version={quote(version)}"
    return Response(status_code=202, headers={"Location": location, **_POLL})
