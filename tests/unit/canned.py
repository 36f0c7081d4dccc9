# SPDX-License-Identifier: Apache-2.0
"""Azure ML as canned answers, behind the face of the hook: flows run for real, no socket is opened."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.identity.claims import Identity
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, legible
from airflow_provider_azureml.rest.quota import Quota
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.rest.workspace import Workspace

UNKNOWN_JOB = (404, {"error": {"code": "NotFound", "message": "no such job"}})
DENIED = (403, {"error": {"code": "AuthorizationFailed", "message": "no role"}})
BROKEN = (503, {"error": {"code": "ServiceUnavailable", "message": "later"}})


def arm_job(name: str, status: str, **properties: Any) -> dict[str, Any]:
    """ARM's answer about a job."""
    return {
        "id": f"/x/jobs/{name}",
        "name": name,
        "properties": {"jobType": "Command", "status": status, "experimentName": "e", **properties},
        "systemData": {"createdAt": "2026-01-01T00:00:00Z"},
    }


class CannedHook:
    """What operators and triggers use of a hook.

    An answer is a body (200), (status, body), or a function of the request that returns one of these. A body
    is JSON, or bytes.
    """

    def __init__(self) -> None:
        self.workspace = Workspace(CLOUDS["public"], "sub", "rg", "ws")
        self.workspace._region.append("https://eastus.api.azureml.ms")
        self.log = logging.getLogger("canned")
        self.requests: list[Request] = []
        self.quota = Quota()
        self.findings: list[tuple[str, str]] = []
        self._rules: list[tuple[str, re.Pattern[str], list[Any]]] = []

    def on(self, method: str, path: str, *answers: Any) -> CannedHook:
        """Answer requests whose address (without query) ends with a pattern; the last answer stays."""
        self._rules.insert(0, (method, re.compile(f"{path}$"), list(answers)))
        return self

    def record_finding(self, finding: Any, job_name: str = "") -> None:
        """Keep the cause of a refusal, and the job that it is about."""
        self.findings.append((finding.cause, job_name))

    def asked(self, method: str, path: str = "") -> list[Request]:
        """The requests so far, of one method and one end of the address."""
        wanted = re.compile(f"{path}$")
        return [each for each in self.requests if each.method == method and wanted.search(_address(each))]

    def identity(self) -> Identity:
        """Who the connection is."""
        return Identity("tenant-1", "app-1", "object-1")

    def run(self, flow: Flow[Any]) -> Any:
        """Drive a flow; its pauses take no time."""
        flow = legible(flow)
        try:
            step = next(flow)
            while True:
                try:
                    answer = Response(0) if isinstance(step, Pause) else self._answer(step)
                except Exception as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as done:
            return done.value

    async def arun(self, flow: Flow[Any], retry: Retry | None = None) -> Any:
        """The same in an event loop."""
        return self.run(flow)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        """There is nothing to open."""
        yield SimpleNamespace(quota=self.quota)

    async def aworkspace(self) -> Workspace:
        """The same workspace."""
        return self.workspace

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        for method, pattern, answers in self._rules:
            if method == request.method and pattern.search(_address(request)):
                value = answers.pop(0) if len(answers) > 1 else answers[0]
                return _response(value(request) if callable(value) else value, request)
        raise AssertionError(f"nobody expected {request.operation}")


def _address(request: Request) -> str:
    return request.url.split("?")[0]


def _response(value: Any, request: Request) -> Response:
    if isinstance(value, Exception):
        raise value
    status, body = value if isinstance(value, tuple) else (200, value)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {}, content, request.operation)


def states(statuses: dict[str, str]) -> Any:
    """The answer of the batch endpoint about jobs by name; the others do not exist."""

    def answer(request: Request) -> dict[str, Any]:
        asked = list(request.json["requests"])  # type: ignore[index]
        known = {name: {"runMetadata": {"status": statuses[name]}} for name in asked if name in statuses}
        missing = {"error": {"code": "UserError", "message": "Run was not found"}}
        return {
            "successfulResults": known,
            "failedResults": {name: {"error": missing["error"]} for name in asked if name not in statuses},
        }

    return answer
