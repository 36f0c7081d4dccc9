# SPDX-License-Identifier: Apache-2.0
"""What the tests of sources share: tokens of nobody, settings, and a flow driven by canned answers."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeVar

from airflow_provider_azureml.connection import Settings, parse
from airflow_provider_azureml.rest.flow import Flow, Request, Response

T = TypeVar("T")
GUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
APP = {"tenant_id": GUID, "client_id": GUID}
EXCHANGE = "api://AzureADTokenExchange"


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def jwt(alg: str = "RS256", **claims: Any) -> str:
    """A token that no one signed."""
    given = {"iss": "i", "sub": "s", "aud": EXCHANGE, "exp": 9_999_999_999, **claims}
    return f"{encoded({'alg': alg})}.{encoded(given)}.c2ln"


def settings(password: str | None = None, **extra: Any) -> Settings:
    """Of connection `c1`."""
    return parse("c1", "azureml", None, password, None, extra)


def federated(source: str, password: str | None = None, **extra: Any) -> Settings:
    """Of connection `c1`, with an application that trusts a source."""
    return settings(password, auth="federated", federated_source=source, **APP, **extra)


def drive(flow: Flow[T], *answers: Response) -> tuple[T, list[Request]]:
    """Give a flow its answers; what it returns, and what it asked."""
    asked: list[Request] = []
    left = list(answers)
    try:
        step = next(flow)
        while True:
            assert isinstance(step, Request)
            asked.append(step)
            step = flow.send(left.pop(0))
    except StopIteration as done:
        return done.value, asked


def said(status: int, body: object) -> Response:
    """An answer in JSON, or in bytes as they are."""
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
