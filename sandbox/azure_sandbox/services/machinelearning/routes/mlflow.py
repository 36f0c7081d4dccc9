# SPDX-License-Identifier: Apache-2.0
"""MLflow's tracking API, as the azureml-mlflow plugin and plain MLflow clients speak it."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.surfaces import may_write
from azure_sandbox.services.machinelearning.views import mlflow_experiment, mlflow_run

_READ = "/experiments/runs/read"
_WRITE = "/experiments/runs/write"
_EXPERIMENT_WRITE = "/experiments/write"


def operations(service: MachineLearning) -> list[Operation]:
    bind, routes = Binder(service), _Routes(service)
    table = (
        ("GET", "runs/get", routes.get_run, _READ),
        ("POST", "runs/create", routes.create_run, _WRITE),
        ("POST", "runs/update", routes.update_run, _WRITE),
        ("POST", "runs/search", routes.search, _READ),
        ("POST", "runs/log-metric", routes.log_metric, _WRITE),
        ("POST", "runs/log-batch", routes.log_batch, _WRITE),
        ("POST", "runs/log-parameter", routes.log_parameter, _WRITE),
        ("POST", "runs/set-tag", routes.set_tag, _WRITE),
        ("POST", "runs/delete-tag", routes.delete_tag, _WRITE),
        ("POST", "runs/log-model", routes.log_model, _WRITE),
        ("GET", "metrics/get-history", routes.history, _READ),
        ("GET", "experiments/get", routes.experiment, _READ),
        ("GET", "experiments/get-by-name", routes.experiment_by_name, _READ),
        ("GET", "experiments/list", routes.experiments, _READ),
        ("POST", "experiments/search", routes.experiments, _READ),
        ("GET", "experiments/search", routes.experiments, _READ),
        ("POST", "experiments/create", routes.create_experiment, _EXPERIMENT_WRITE),
    )
    return [
        bind.region(method, f"/mlflow/{version}{{ws}}/api/2.0/mlflow/{path}", handler, action)
        for version in ("v2.0", "v1.0")
        for method, path, handler, action in table
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._cloud = service.cloud
        self._tracking = service.tracking

    async def get_run(self, call: Call, workspace: Workspace) -> Response:
        run = self._tracking.run(workspace, call.query.get("run_id") or call.query.get("run_uuid"))
        return JSONResponse({"run": self._run(workspace, run)})

    async def create_run(self, call: Call, workspace: Workspace) -> Response:
        job = str(call.caller.claims.get("runid", "")) if call.caller.kind == "run" else ""
        run = self._tracking.create_run(workspace, await call.json(), call.caller.object_id or job, job)
        return JSONResponse({"run": self._run(workspace, run)})

    async def update_run(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        run = self._tracking.update_run(run, document)
        return JSONResponse({"run_info": self._run(workspace, run)["info"]})

    async def search(self, call: Call, workspace: Workspace) -> Response:
        found = self._tracking.search(workspace, await call.json())
        return JSONResponse({"runs": [self._run(workspace, run) for run in found]})

    async def log_metric(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        self._tracking.log_batch(run, {"metrics": [document]})
        return JSONResponse({})

    async def log_batch(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        self._tracking.log_batch(run, document)
        return JSONResponse({})

    async def log_parameter(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        self._tracking.log_batch(run, {"params": [_named(document)]})
        return JSONResponse({})

    async def set_tag(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        self._tracking.log_batch(run, {"tags": [_named(document)]})
        return JSONResponse({})

    async def delete_tag(self, call: Call, workspace: Workspace) -> Response:
        run, document = await self._writable(call, workspace)
        self._tracking.delete_tag(run, _named(document)["key"])
        return JSONResponse({})

    async def log_model(self, call: Call, workspace: Workspace) -> Response:
        """The model's description is kept as MLflow's servers keep it: in a tag."""
        run, document = await self._writable(call, workspace)
        tag = {"key": "mlflow.log-model.history", "value": f"[{document.get('model_json') or ''}]"}
        self._tracking.log_batch(run, {"tags": [tag]})
        return JSONResponse({})

    async def history(self, call: Call, workspace: Workspace) -> Response:
        run = self._tracking.run(workspace, call.query.get("run_id") or call.query.get("run_uuid"))
        metrics = self._tracking.history(run, call.query.get("metric_key", ""))
        return JSONResponse({"metrics": [_wire(metric) for metric in metrics]})

    async def experiment(self, call: Call, workspace: Workspace) -> Response:
        name = self._tracking.experiment_name(workspace, call.query.get("experiment_id", ""))
        return JSONResponse({"experiment": mlflow_experiment(self._cloud, workspace, name)})

    async def experiment_by_name(self, call: Call, workspace: Workspace) -> Response:
        name = call.query.get("experiment_name", "")
        if name not in self._tracking.experiments(workspace):
            raise not_found("UserError", f"Could not find experiment with name {name}")
        return JSONResponse({"experiment": mlflow_experiment(self._cloud, workspace, name)})

    async def experiments(self, call: Call, workspace: Workspace) -> Response:
        names = self._tracking.experiments(workspace)
        found = [mlflow_experiment(self._cloud, workspace, name) for name in names]
        return JSONResponse({"experiments": found})

    async def create_experiment(self, call: Call, workspace: Workspace) -> Response:
        if call.caller.kind == "run":
            raise AzureError(403, "UserError", "A run token may not create experiments.")
        name = str((await call.json()).get("name") or "")
        return JSONResponse({"experiment_id": self._tracking.create_experiment(workspace, name)})

    async def _writable(self, call: Call, workspace: Workspace) -> tuple[Run, Json]:
        document = await call.json()
        run = self._tracking.run(workspace, document.get("run_id") or document.get("run_uuid"))
        may_write(call.caller, run)
        return run, document

    def _run(self, workspace: Workspace, run: Run) -> Json:
        metrics = [_wire(metric) for metric in self._tracking.metrics(run)]
        return mlflow_run(self._cloud, workspace, run, metrics)


def _named(document: Json) -> Json:
    if not isinstance(document.get("key"), str) or not document["key"]:
        raise bad_request("UserError", "Missing value for required parameter 'key'.")
    return {"key": document["key"], "value": str(document.get("value", ""))}


def _wire(metric: dict[str, Any]) -> dict[str, Any]:
    """Protobuf's JSON spells out the numbers that JSON cannot hold."""
    value = metric["value"]
    if value is None:
        return {**metric, "value": "NaN"}
    if math.isinf(value):
        return {**metric, "value": "Infinity" if value > 0 else "-Infinity"}
    return metric
