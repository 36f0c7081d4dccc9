# SPDX-License-Identifier: Apache-2.0
"""Run history and tracking: why a job failed, where its log is, many states in one call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.errors import NotFoundError, ServiceError
from airflow_provider_azureml.rest.flow import (
    STORAGE_VERSION,
    Flow,
    Request,
    Response,
    error_code,
    error_message,
    expect,
    pages,
)
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.workspace import Workspace, discover

BATCH = 100


@dataclass(frozen=True)
class Details:
    """One run. `error` is the text for a person, empty when there is none."""

    name: str
    status: str
    error: str = ""
    error_code: str = ""
    log_files: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Child:
    """A step of a pipeline, a trial of a sweep."""

    name: str
    status: str
    display_name: str = ""


@dataclass(frozen=True)
class LogChunk:
    """Bytes of a log from `offset` on; `next_offset` is where to go on reading."""

    content: bytes
    next_offset: int


def details(workspace: Workspace, name: str) -> Flow[Details]:
    """Error text with its innermost cause, and log files as SAS addresses (keep them out of logs).

    ARM's job carries no error text: this call is the only source of the reason (wire.md 5).
    """
    url = yield from _history(workspace, f"/runs/{quote(name, safe='')}/details")
    body = expect((yield Request("GET", url, scope=workspace.cloud.arm_scope)), 200).json()
    error = _error_object(body.get("error"))
    return Details(
        name=name,
        status=str(body.get("status") or ""),
        error=error_message(error),
        error_code=error_code(error),
        log_files={key: str(value) for key, value in (body.get("logFiles") or {}).items()},
        tags={key: str(value) for key, value in (body.get("tags") or {}).items()},
    )


def set_tags(workspace: Workspace, name: str, tags: Mapping[str, str]) -> Flow[None]:
    """Add tags to a run by its name alone; the run keeps its others. Every azure-ai-ml ships this PATCH."""
    url = yield from _history(workspace, f"/runs/{quote(name, safe='')}")
    request = Request("PATCH", url, scope=workspace.cloud.arm_scope, json={"tags": dict(tags)})
    expect((yield request), 200)


def status_batch(workspace: Workspace, names: Iterable[str]) -> Flow[dict[str, str | ServiceError]]:
    """State of many jobs by exact name, in chunks of 100: a status word, or why it is not known.

    Undocumented, but every SDK since 2022 ships it; callers fall back to ARM (design D3).
    """
    found = yield from job_batch(workspace, names)
    return {name: job.status if isinstance(job, Job) else job for name, job in found.items()}


def job_batch(workspace: Workspace, names: Iterable[str]) -> Flow[dict[str, Job | ServiceError]]:
    """The same with all that run history tells beside it: tags, properties and the time of the making."""
    wanted = list(dict.fromkeys(names))
    answers: dict[str, Job | ServiceError] = {}
    for start in range(0, len(wanted), BATCH):
        chunk = wanted[start : start + BATCH]
        url = yield from _history(workspace, "/batchrundata")
        asked = {"requests": {name: {"runId": name, "selectRunMetadata": True} for name in chunk}}
        response = yield Request("POST", url, scope=workspace.cloud.arm_scope, json=asked)
        answers.update(_read_batch(chunk, expect(response, 200)))
    return answers


def children(workspace: Workspace, name: str) -> Flow[list[Child]]:
    """Steps of a pipeline job, trials of a sweep."""
    url = yield from _history(workspace, f"/runs/{quote(name, safe='')}/children")
    items = yield from pages(Request("GET", url, scope=workspace.cloud.arm_scope))
    return [
        Child(
            name=str(item["runId"]),
            status=str(item.get("status") or ""),
            display_name=str(item.get("displayName") or ""),
        )
        for item in items
    ]


def metrics(workspace: Workspace, name: str) -> Flow[dict[str, float]]:
    """Last value of each MLflow metric, in one call; empty when the job logged none.

    Values that JSON cannot hold (NaN, infinity) are left out: they would spoil an XCom.
    """
    api = yield from discover(workspace)
    run = quote(name, safe="")
    url = f"{api}/mlflow/v2.0{workspace.path}/api/2.0/mlflow/runs/get?run_uuid={run}&run_id={run}"
    body = expect((yield Request("GET", url, scope=workspace.cloud.arm_scope)), 200).json()
    found = ((body.get("run") or {}).get("data") or {}).get("metrics") or []
    values = {str(item["key"]): float(item["value"]) for item in found}
    return {key: value for key, value in values.items() if math.isfinite(value)}


def read_log(url: str, offset: int = 0, limit: int = 1 << 20) -> Flow[LogChunk]:
    """At most `limit` bytes of a log from `offset` on. No token is sent: the address is signed.

    416 means that nothing was written since. DeniedError: the signature ended, ask `details` again.
    """
    wanted = {"Range": f"bytes={offset}-{offset + limit - 1}", "x-ms-version": STORAGE_VERSION}
    response = expect((yield Request("GET", url, headers=wanted)), 200, 206, 416)
    if response.status == 416:
        return LogChunk(b"", offset)
    start = 0 if response.status == 206 else offset
    content = response.body[start : start + limit]
    return LogChunk(content, offset + len(content))


def _history(workspace: Workspace, path: str) -> Flow[str]:
    api = yield from discover(workspace)
    return f"{api}/history/v1.0{workspace.path}{path}?api-version=v1.0"


def _read_batch(chunk: list[str], response: Response) -> dict[str, Job | ServiceError]:
    body = response.json()
    good, bad = body.get("successfulResults") or {}, body.get("failedResults") or {}
    answers: dict[str, Job | ServiceError] = {}
    for name in chunk:
        run = (good.get(name) or {}).get("runMetadata") or {}
        answers[name] = _job(name, run) if run.get("status") else _failed(bad.get(name), response)
    return answers


def _job(name: str, run: Mapping[str, Any]) -> Job:
    """A job as run history shows it: of ARM's fields it has these only."""
    return Job(
        name=name,
        status=str(run["status"]),
        job_type="",
        properties=_texts(run.get("properties")),
        tags=_texts(run.get("tags")),
        created_at=str(run.get("createdUtc") or ""),
    )


def _texts(values: Any) -> dict[str, str]:
    given = values.items() if isinstance(values, Mapping) else ()
    return {key: str(value) for key, value in given if value is not None}


def _failed(value: Mapping[str, Any] | None, response: Response) -> ServiceError:
    """Why one run of a batch has no state. `Run X was not found` is a UserError inside a 200."""
    error = _error_object(value)
    message = error_message(error) or "The answer does not mention this run"
    missing = "NotFound" in message or "was not found" in message
    kind, status = (NotFoundError, 404) if missing else (ServiceError, response.status)
    return kind(status, error_code(error) or "NoState", message, response.request_id, response.operation)


def _error_object(value: Any) -> Mapping[str, Any]:
    """The error itself: run history wraps it once more, next to correlation and time."""
    if not isinstance(value, Mapping):
        return {}
    inner = value.get("error")
    return inner if isinstance(inner, Mapping) else value
