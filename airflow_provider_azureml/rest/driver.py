# SPDX-License-Identifier: Apache-2.0
"""The two drivers: they carry out what `rest/retry.py` yields, on azure-core's pipelines."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from airflow_provider_azureml import __version__
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError, UnreachableError
from airflow_provider_azureml.rest.azure_error import sign_in_error
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response
from airflow_provider_azureml.rest.retry import Call, Failure, Outcome, Retry, Rules, resilient
from airflow_provider_azureml.rest.signature import redact_logs, without_signatures

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.rest import HttpRequest

T = TypeVar("T")
log = logging.getLogger(__name__)
TIMEOUTS = {"connection_timeout": 10.0, "read_timeout": 120.0}
"""Seconds, in azure-core's words."""
BRIEF = 3.0
"""Seconds for each of these, of a request that is to be brief."""


class Credential(Protocol):
    """What a driver needs of an identity."""

    def get_token(self, *scopes: str) -> AccessToken:
        """A token for one scope, from a cache or new."""


class AsyncCredential(Protocol):
    """The same in an event loop."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """A token for one scope, from a cache or new."""


def _nothing_to_mask(secret: str) -> None:
    """Outside Airflow nobody collects what we log."""


@dataclass
class _Session:
    """What both drivers know, and the parts of a call that do no I/O."""

    cloud: Cloud
    correlation_id: str = ""
    retry: Retry = field(default_factory=Retry)
    mask: Callable[[str], None] = _nothing_to_mask
    timeouts: Mapping[str, float] = field(default_factory=lambda: TIMEOUTS)
    _masked: set[int] = field(default_factory=set, repr=False)

    def limits(self, call: Call) -> Mapping[str, float]:
        if not call.request.brief:
            return self.timeouts
        return {name: min(seconds, BRIEF) for name, seconds in self.timeouts.items()}

    def rules(self) -> Rules:
        return Rules(self.cloud, self.retry)

    def hide(self, secret: str) -> None:
        """Mask each secret once: every call costs a message to Airflow's supervisor."""
        if secret and hash(secret) not in self._masked:
            self._masked.add(hash(secret))
            self.mask(secret)

    def build(self, request: Request, token: str, correlation_id: str) -> HttpRequest:
        from azure.core.rest import HttpRequest

        for signature in parse_qs(urlsplit(request.url).query).get("sig", ()):
            self.hide(signature)
        self.hide(token)
        headers = {
            "Accept": "application/json",
            "User-Agent": f"airflow-provider-azureml/{__version__}",
            "x-ms-client-request-id": str(uuid.uuid4()),
            **({"x-ms-correlation-request-id": correlation_id} if correlation_id else {}),
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **request.headers,
        }
        if request.content == b"":  # azure-core takes empty content for none
            headers["Content-Length"] = "0"
        return HttpRequest(
            request.method, request.url, headers=headers, json=request.json, content=request.content
        )


class Driver:
    """Runs flows in a worker. Use it as a context manager, or call `close`.

    :param credential: who we are.
    :param renew: gives a credential without any cached token, for the one retry after a 401.
    :param mask: is told every token and signature before it is used.
    """

    def __init__(
        self,
        credential: Credential,
        cloud: Cloud,
        *,
        renew: Callable[[], Credential] | None = None,
        **session: Any,
    ) -> None:
        self._credential = credential
        self._renew = renew
        self._session = _Session(cloud, **session)
        self._client = _sync_client()

    def run(self, flow: Flow[T], correlation_id: str = "") -> T:
        """Drive a flow to its end and return its record."""
        steps = resilient(flow, self._session.rules())
        correlation = correlation_id or self._session.correlation_id
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(step, correlation))
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _do(self, step: Call | Pause, correlation: str) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return Response(0)
        from azure.core.exceptions import AzureError

        began = time.monotonic()
        try:
            token = self._token(step)
            request = self._session.build(step.request, token, correlation)
            answer = self._client.send_request(request, **self._session.limits(step))
            outcome: Outcome = _outcome(step, answer.status_code, answer.headers, answer.content)
        except AzureError as error:
            outcome = _failure(step, error)
        _trace(step, outcome, began)
        return outcome

    def _token(self, call: Call) -> str:
        if not call.request.scope:
            return ""
        if call.renew and self._renew:
            self._credential = self._renew()
        return self._credential.get_token(call.request.scope).token


class AsyncDriver:
    """Runs flows in an event loop; many at once. Use it as an async context manager.

    Parameters are those of `Driver`.
    """

    def __init__(
        self,
        credential: AsyncCredential,
        cloud: Cloud,
        *,
        renew: Callable[[], AsyncCredential] | None = None,
        **session: Any,
    ) -> None:
        self._credential = credential
        self._renew = renew
        self._session = _Session(cloud, **session)
        self._client = _async_client()

    async def run(self, flow: Flow[T], correlation_id: str = "") -> T:
        """Drive a flow to its end and return its record."""
        steps = resilient(flow, self._session.rules())
        correlation = correlation_id or self._session.correlation_id
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step, correlation))
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def __aenter__(self) -> AsyncDriver:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _do(self, step: Call | Pause, correlation: str) -> Outcome:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return Response(0)
        from azure.core.exceptions import AzureError

        began = time.monotonic()
        try:
            token = await self._token(step)
            request = self._session.build(step.request, token, correlation)
            answer = await self._client.send_request(request, **self._session.limits(step))
            outcome: Outcome = _outcome(step, answer.status_code, answer.headers, answer.content)
        except AzureError as error:
            outcome = _failure(step, error)
        _trace(step, outcome, began)
        return outcome

    async def _token(self, call: Call) -> str:
        if not call.request.scope:
            return ""
        if call.renew and self._renew:
            self._credential = self._renew()
        return (await self._credential.get_token(call.request.scope)).token


def _sync_client() -> Any:
    from azure.core import PipelineClient

    redact_logs()
    return PipelineClient("", policies=[])


def _async_client() -> Any:
    from azure.core import AsyncPipelineClient

    return AsyncPipelineClient("", policies=[])


def _outcome(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Response:
    lowered = {name.lower(): value for name, value in headers.items()}
    return Response(status, lowered, body, call.request.operation)


def _failure(call: Call, error: Any) -> Failure:
    """No answer is an outcome; a refused sign-in is the end."""
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

    if isinstance(error, ClientAuthenticationError):
        refused: ServiceError = sign_in_error(error, f"sign-in before {call.request.operation}")
        if not isinstance(refused, UnreachableError):
            raise refused from error
        return Failure(refused.message, sent=False)
    return Failure(without_signatures(str(error.message)), sent=not isinstance(error, ServiceRequestError))


def _trace(call: Call, outcome: Outcome, began: float) -> None:
    """The only log line about requests: no header, no body, no query."""
    millis = (time.monotonic() - began) * 1000
    status = outcome.status if isinstance(outcome, Response) else outcome.message
    request_id = outcome.request_id if isinstance(outcome, Response) else ""
    log.debug("%s -> %s in %.0f ms %s", call.request.operation, status, millis, request_id)
