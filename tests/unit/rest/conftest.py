# SPDX-License-Identifier: Apache-2.0
"""Flows are fed by hand here: canned answers in, requests out. No socket, no driver."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response
from airflow_provider_azureml.rest.workspace import Workspace


@dataclass
class Played:
    """What a flow asked for, and what it returned."""

    result: Any = None
    requests: list[Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


def _answer(value: Any) -> Response:
    if isinstance(value, Response):
        return value
    status, body, *headers = value if isinstance(value, tuple) else (200, value)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, headers[0] if headers else {}, content)


@pytest.fixture
def play() -> Callable[..., Played]:
    """Run a flow against answers: a body (200), or (status, body[, headers])."""

    def run(flow: Flow[Any], *answers: Any) -> Played:
        played, left = Played(), [_answer(answer) for answer in answers]
        try:
            step = next(flow)
            while True:
                if isinstance(step, Pause):
                    played.pauses.append(step.seconds)
                    step = flow.send(Response(0))
                else:
                    played.requests.append(step)
                    step = flow.send(left.pop(0))
        except StopIteration as done:
            played.result = done.value
        assert not left, "the flow asked for less than was answered"
        return played

    return run


@pytest.fixture
def workspace() -> Workspace:
    """A workspace whose region is already known."""
    made = Workspace(CLOUDS["public"], "sub", "rg", "ws")
    made._region.append("https://eastus.api.azureml.ms")
    return made


@pytest.fixture
def arm_job() -> Callable[..., Mapping[str, Any]]:
    """ARM's answer about a job."""

    def make(name: str = "a", status: str = "Running", **properties: Any) -> Mapping[str, Any]:
        return {
            "id": f"/x/jobs/{name}",
            "name": name,
            "properties": {"jobType": "Command", "status": status, **properties},
            "systemData": {"createdAt": "2026-01-01T00:00:00Z", "createdBy": "me"},
        }

    return make
