# SPDX-License-Identifier: Apache-2.0
"""Run history and artifacts on the region's host."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.errors import AzureError, not_found
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.machinelearning.effects import changeable
from azure_sandbox.services.machinelearning.records import Json, Run, Workspace, user_error
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.runs import experiment_id
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.surfaces import may_write
from azure_sandbox.services.machinelearning.views import run_details, run_document

_READ = "/experiments/runs/read"
_WRITE = "/experiments/runs/write"
_LARGEST_BATCH = 500
_CLAUSE = re.compile(
    r"\(?\s*(?P<field>[\w/.\-]+)\s+(?P<op>eq|ne|ge|gt|le|lt)\s+(?P<value>\"[^\"]*\"|'[^']*'|[^\s()]+)\s*\)?"
)


def operations(service: MachineLearning) -> list[Operation]:
    routes, bind = _Routes(service), Binder(service)
    # The same run answers with and without the experiment in the path.
    roots = ("/history/v1.0{ws}", "/history/v1.0{ws}/experiments/{e}", "/history/v1.0{ws}/experimentids/{e}")
    found = [
        bind.region("POST", f"{roots[0]}/batchrundata", routes.batch, _READ),
        bind.region("POST", f"{roots[0]}/rundata", routes.run_data, _READ),
    ]
    for root in roots:
        run = f"{root}/runs/{{r}}"
        found += [
            bind.region("POST", f"{root}/runs:query", routes.query, _READ),
            bind.region("GET", run, routes.get, _READ),
            bind.region("PATCH", run, routes.patch, _WRITE),
            bind.region("GET", f"{run}/details", routes.details, _READ),
            bind.region("GET", f"{run}/children", routes.children, _READ),
            bind.region("GET", f"{run}/artifacts", routes.artifacts, "/metadata/artifacts/read"),
            bind.region("GET", f"{run}/artifacts/path", routes.artifacts, "/metadata/artifacts/read"),
            bind.region("GET", f"{run}/artifacts/contentinfo", routes.content, "/metadata/artifacts/read"),
            bind.region(
                "POST", f"{run}/artifacts/batch/metadata", routes.reserve, "/metadata/artifacts/write"
            ),
        ]
    return found


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._service = service
        self._cloud = service.cloud

    async def get(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(run_document(self._cloud, self._run(call, workspace)))

    async def details(self, call: Call, workspace: Workspace) -> Response:
        run = self._run(call, workspace)
        logs = self._service.log_files(workspace, run)
        return JSONResponse(run_details(self._cloud, run, logs))

    async def children(self, call: Call, workspace: Workspace) -> Response:
        run = self._run(call, workspace)
        children = self._service.runs.children(workspace.guid, run.name)
        return JSONResponse({"value": [run_document(self._cloud, child) for child in children]})

    async def patch(self, call: Call, workspace: Workspace) -> Response:
        """Tags and properties are merged; a null tag is removed. Only MLflow's own runs take a status."""
        change = await call.json()
        run = self._run(call, workspace)
        may_write(call.caller, run)
        for field in ("tags", "properties"):
            if not isinstance(change.get(field) or {}, dict):
                raise user_error(f"The field '{field}' is an object.")
        before = changeable(run)
        tags = {**run.tags, **(change.get("tags") or {})}
        run.tags = {key: str(value) for key, value in tags.items() if value is not None}
        run.properties |= {key: str(value) for key, value in (change.get("properties") or {}).items()}
        run.display_name = str(change.get("displayName") or run.display_name)
        run.description = change.get("description", run.description)
        with self._cloud.store.transaction():
            self._service.runs.save(run)
            self._service.effects.updated(run, before)
        return JSONResponse(run_document(self._cloud, run))

    async def run_data(self, call: Call, workspace: Workspace) -> Response:
        request = await call.json()
        run = self._find(workspace, str(request.get("runId") or ""))
        return JSONResponse(self._data(run))

    async def batch(self, call: Call, workspace: Workspace) -> Response:
        requests = (await call.json()).get("requests")
        if not isinstance(requests, dict) or not all(isinstance(item, dict) for item in requests.values()):
            raise user_error("The field 'requests' is required and is an object of objects.")
        if len(requests) > _LARGEST_BATCH:
            raise user_error(f"A batch holds up to {_LARGEST_BATCH} runs.")
        good: Json = {}
        bad: Json = {}
        for key, request in requests.items():
            try:
                good[key] = self._data(self._find(workspace, str(request.get("runId") or key)))
            except AzureError as error:
                bad[key] = {"error": {"code": error.code, "message": error.message, **error.body}}
        return JSONResponse({"successfulResults": good, "failedResults": bad})

    async def query(self, call: Call, workspace: Workspace) -> Response:
        """``filter`` of clauses joined by ``and``/``or`` (not mixed), ``top`` and ``continuationToken``."""
        asked = await call.json()
        matches = _filter(str(asked.get("filter") or ""))
        top = min(_number(asked.get("top")) or 100, 500)
        below = _number(asked.get("continuationToken"))
        wanted = call.params.get("e")
        found: list[Run] = []
        for run in self._service.runs.newest(workspace.guid, below):
            if len(found) == top:
                break
            if _in_experiment(run, wanted) and matches(run):
                found.append(run)
        more = str(found[-1].number) if len(found) == top else None
        value = [run_document(self._cloud, run) for run in found]
        return JSONResponse({"value": value, "continuationToken": more, "nextLink": None})

    async def artifacts(self, call: Call, workspace: Workspace) -> Response:
        run = self._run(call, workspace)
        below = call.query.get("path", "")
        found = [path for path in self._service.artifacts(workspace, run) if path.startswith(below)]
        return JSONResponse({"value": [_artifact(run, path) for path in found]})

    async def content(self, call: Call, workspace: Workspace) -> Response:
        run, path = self._run(call, workspace), call.query.get("path", "")
        if path not in self._service.artifacts(workspace, run):
            raise not_found("UserError", f"Resource {path} was not found in run {run.name}")
        url = self._service.artifact_url(workspace, run, path)
        return JSONResponse({**_artifact(run, path), "contentUri": url})

    async def reserve(self, call: Call, workspace: Workspace) -> Response:
        """Upload addresses for artifacts that are about to be written."""
        request = await call.json()
        run = self._run(call, workspace)
        may_write(call.caller, run)
        entries = request.get("paths")
        if not isinstance(entries, list) or not all(_is_path(entry) for entry in entries):
            raise user_error("The field 'paths' is required: a list of {\"path\": \"...\"} without '..'.")
        paths = [entry["path"] for entry in entries]
        information = {
            path: {
                **_artifact(run, path),
                "contentUri": self._service.artifact_url(workspace, run, path, "rcw"),
            }
            for path in paths
        }
        return JSONResponse(
            {
                "artifacts": {path: _artifact(run, path) for path in paths},
                "artifactContentInformation": information,
                "errors": {},
            }
        )

    def _run(self, call: Call, workspace: Workspace) -> Run:
        return self._find(workspace, call.params["r"])

    def _find(self, workspace: Workspace, name: str) -> Run:
        return self._service.jobs.get(workspace, name)

    def _data(self, run: Run) -> Json:
        return {"runMetadata": run_document(self._cloud, run), "runDefinition": None, "runMetrics": None}


def _number(value: object) -> int | None:
    return int(str(value)) if re.fullmatch(r"[0-9]{1,15}", str(value)) else None


def _artifact(run: Run, path: str) -> Json:
    return {
        "artifactId": f"ExperimentRun/dcid.{run.name}/{path}",
        "origin": "ExperimentRun",
        "container": f"dcid.{run.name}",
        "path": path,
        "etag": None,
        "createdTime": None,
        "dataPath": None,
        "tags": None,
    }


def _is_path(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        return False
    return ".." not in entry["path"].split("/") and not entry["path"].startswith("/")


def _in_experiment(run: Run, wanted: str | None) -> bool:
    return wanted is None or wanted in (run.experiment, experiment_id(run.workspace, run.experiment))


def _filter(text: str) -> Any:
    """A predicate over runs.

    :raises AzureError: 400 for a clause that is not understood
    """
    if not text.strip():
        return lambda run: True
    joiner = any if re.search(r"\sor\s", text, re.IGNORECASE) else all
    clauses = []
    for part in re.split(r"\s+(?:and|or)\s+", text.strip(), flags=re.IGNORECASE):
        found = _CLAUSE.fullmatch(part.strip())
        if found is None:
            raise user_error(f"The filter clause {part!r} is not understood.")
        clauses.append((found["field"], found["op"], found["value"].strip("\"'")))
    return lambda run: joiner(_holds(run, *clause) for clause in clauses)


def _holds(run: Run, field: str, operator: str, wanted: str) -> bool:
    actual = _field(run, field)
    expected = None if wanted == "null" else wanted
    if operator in ("eq", "ne"):
        return (actual == expected) == (operator == "eq")
    if actual is None or expected is None:
        return False
    return {
        "ge": actual >= expected,
        "gt": actual > expected,
        "le": actual <= expected,
        "lt": actual < expected,
    }[operator]


def _field(run: Run, field: str) -> str | None:
    group, _, key = field.partition("/")
    if group.lower() == "tags":
        return run.tags.get(key)
    if group.lower() == "properties":
        return run.properties.get(key)
    known = {
        "status": run.status,
        "runid": run.name,
        "rootrunid": run.root or run.name,
        "parentrunid": run.parent or None,
        "createdutc": iso(run.created),
        "target": str(run.body.get("computeId") or "").rpartition("/")[2] or "serverless",
    }
    if field.lower() not in known:
        raise user_error(f"Runs cannot be filtered by {field!r}.")
    return known[field.lower()]
