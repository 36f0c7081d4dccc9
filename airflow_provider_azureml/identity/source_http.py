# SPDX-License-Identifier: Apache-2.0
"""How a source that speaks HTTP is asked: once, on the driver that carries everything else.

Whoever signs in is inside a driver's own retry path already; what is thrown here says whether another
try may help, and that path does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from xml.etree import ElementTree

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.driver import Driver
from airflow_provider_azureml.rest.flow import TRANSIENT, Flow, Request, Response
from airflow_provider_azureml.rest.retry import ONCE

T = TypeVar("T")
_BUSY = ("Throttling", "TooManyRequests", "RequestLimitExceeded", "SlowDown")
"""AWS's codes for "later", which it sends with status 400."""


class _Nobody:
    """Requests to a source carry no token of ours."""

    def get_token(self, *scopes: str) -> Any:
        raise AssertionError("a source was asked with a token")


def fetched(settings: Settings, flow: Flow[T]) -> T:
    """Drive a source's flow, each of its requests once."""
    with Driver(_Nobody(), settings.cloud, retry=ONCE) as driver:
        return driver.run(flow)


def ask(settings: Settings, request: Request, source: str) -> Flow[Response]:
    """Send a request; the answer when it is 200.

    Raises UnreachableError for none, or one that may be better later; DeniedError for any other.

    :param source: who is asked, for the error.
    """
    answer = yield request
    if answer.status == 200:
        return answer
    code, message = refusal(answer)
    who = f"{source} did not vouch for connection '{settings.conn_id}': {message}"
    if answer.status in TRANSIENT or code.startswith(_BUSY):
        raise UnreachableError(
            answer.status, code, who, answer.request_id, request.operation, answer.retry_after
        )
    raise DeniedError(401, code, who, answer.request_id, request.operation)


def refusal(answer: Response) -> tuple[str, str]:
    """Code and message, as OAuth, Okta and AWS write them; nothing of any other body is shown."""
    said = _json(answer.body) or _xml(answer.body)
    code = next((said[name] for name in ("error", "errorCode", "__type", "Code") if said.get(name)), "")
    texts = ("error_description", "errorSummary", "message", "Message")
    message = next((said[name] for name in texts if said.get(name)), "")
    return str(code).rpartition("#")[2] or f"HTTP{answer.status}", str(message)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _xml(body: bytes) -> Mapping[str, Any]:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return {}
    return {item.tag.rpartition("}")[2]: (item.text or "").strip() for item in root.iter()}


def unreadable(settings: Settings, source: str, operation: str) -> ServiceError:
    """The answer was 200, and not what was asked for."""
    message = f"{source} answered something else than an assertion for connection '{settings.conn_id}'"
    return DeniedError(401, "NoAssertion", message, "", operation)
