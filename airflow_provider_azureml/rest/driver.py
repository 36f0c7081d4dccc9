# SPDX-License-Identifier: Apache-2.0
"""The two drivers: they carry out what `rest/retry.py` yields, on azure-core's pipelines."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
import weakref
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from airflow_provider_azureml import __version__
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.azure_error import sign_in_error
from airflow_provider_azureml.rest.flow import ODD, Flow, Pause, Request, Response
from airflow_provider_azureml.rest.observer import Aside, Observer, first_watch, observed
from airflow_provider_azureml.rest.retry import (
    Call,
    Failure,
    Outcome,
    Refused,
    Retry,
    Rules,
    Steps,
    resilient,
)
from airflow_provider_azureml.rest.signature import redact_logs, without_signatures
from airflow_provider_azureml.rest.tls import async_context, sync_options

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.rest import HttpRequest

T = TypeVar("T")
log = logging.getLogger(__name__)
TIMEOUTS = {"connection_timeout": 10.0, "read_timeout": 120.0}
"""Seconds, in azure-core's words."""
BROKEN = (*ODD, zlib.error)
"""What building a request, or unpacking an answer, raises beside azure-core's own errors."""
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


def _nothing_to_see(answer: Response) -> None:
    """Who makes few requests needs no account of them."""


@dataclass
class _Session:
    """What both drivers know, and the parts of a call that do no I/O."""

    cloud: Cloud
    correlation_id: str = ""
    retry: Retry = field(default_factory=Retry)
    mask: Callable[[str], None] = _nothing_to_mask
    timeouts: Mapping[str, float] = field(default_factory=lambda: TIMEOUTS)
    see: Callable[[Response], None] = _nothing_to_see
    observer: Observer | None = None
    _masked: set[int] = field(default_factory=set, repr=False)

    def steps(self, flow: Flow[T], run: _Run, retry: Retry | None, renews: bool) -> Steps[T]:
        """What a driver carries out for a flow."""
        shown = observed(flow, run.observer or self.observer, run.correlation_id)
        return resilient(shown, Rules(self.cloud, retry or self.retry, renews=renews))

    def limits(self, call: Call) -> Mapping[str, float]:
        longest = BRIEF if call.request.brief else max(call.request.patience, BRIEF)
        return {name: min(seconds, longest) for name, seconds in self.timeouts.items()}

    def received(self, call: Call, answer: Any) -> Response:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        response = Response(answer.status_code, headers, answer.content, call.request.operation)
        self.see(response)
        return response

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


@dataclass
class _Run:
    """One flow under way: the credential that its last request went out with."""

    correlation_id: str
    observer: Observer | None = None
    credential: object = None


class Driver:
    """Runs flows in a worker. Use it as a context manager, or call `close`.

    :param credential: who we are.
    :param renew: gives a credential without any cached token, for the one retry after a 401 or a refused
        sign-in; called once for all flows that were refused with the same credential.
    :param mask: is told every token and signature before it is used.
    :param see: is shown every answer.
    :param observer: is present at every request that matters to it.
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
        self._renewing = threading.Lock()
        self._session = _Session(cloud, **session)
        self._client = _sync_client()
        weakref.finalize(self, self._client.close)  # not ours: it would keep us, and our hook, for ever

    def run(self, flow: Flow[T], correlation_id: str = "", retry: Retry | None = None) -> T:
        """Drive a flow to its end and return its record.

        :param retry: how long to insist, when not as long as usual.
        """
        run = _Run(correlation_id or self._session.correlation_id)
        steps = self._session.steps(flow, run, retry, self._renew is not None)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(step, run))
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

    def _do(self, step: Call | Pause, run: _Run) -> Outcome:
        if isinstance(step, Aside):
            step.work()
            return Response(0)
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return Response(0)
        from azure.core.exceptions import AzureError

        began = time.monotonic()
        try:
            token = self._token(step, run)
            if watch := first_watch(step.request):
                watch.intend(token)
            request = self._session.build(step.request, token, run.correlation_id)
            answer = self._client.send_request(request, **self._session.limits(step))
            outcome: Outcome = self._session.received(step, answer)
        except AzureError as error:
            outcome = _failure(step, error)
        except ServiceError as error:  # what vouches for us, like Key Vault, did not
            outcome = _no_token(error)
        except BROKEN as error:
            outcome = _unusable(error)
        _trace(step, outcome, began)
        return outcome

    def _token(self, call: Call, run: _Run) -> str:
        if not call.request.scope:
            return ""
        if call.renew and self._renew:
            with self._renewing:
                if self._credential is run.credential:  # else another thread was faster
                    self._credential = self._renew()
        run.credential = current = self._credential
        return current.get_token(call.request.scope).token


class AsyncDriver:
    """Runs flows in an event loop; many at once. Use it as an async context manager.

    Parameters are those of `Driver`.
    """

    def __init__(
        self,
        credential: AsyncCredential,
        cloud: Cloud,
        *,
        renew: Callable[[], Awaitable[AsyncCredential]] | None = None,
        **session: Any,
    ) -> None:
        self._credential = credential
        self._renew = renew
        self._renewing = asyncio.Lock()
        self._session = _Session(cloud, **session)
        self._client = _async_client()

    async def run(
        self,
        flow: Flow[T],
        correlation_id: str = "",
        observer: Observer | None = None,
        retry: Retry | None = None,
    ) -> T:
        """Drive a flow to its end and return its record; see `Driver.run`.

        :param observer: of this flow; the driver is shared by many.
        """
        run = _Run(correlation_id or self._session.correlation_id, observer)
        steps = self._session.steps(flow, run, retry, self._renew is not None)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step, run))
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

    async def _do(self, step: Call | Pause, run: _Run) -> Outcome:
        if isinstance(step, Aside):
            await asyncio.to_thread(step.work)
            return Response(0)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return Response(0)
        from azure.core.exceptions import AzureError

        began = time.monotonic()
        try:
            token = await self._token(step, run)
            if watch := first_watch(step.request):
                await asyncio.to_thread(watch.intend, token)
            request = self._session.build(step.request, token, run.correlation_id)
            answer = await self._client.send_request(request, **self._session.limits(step))
            outcome: Outcome = self._session.received(step, answer)
        except AzureError as error:
            outcome = _failure(step, error)
        except ServiceError as error:  # what vouches for us, like Key Vault, did not
            outcome = _no_token(error)
        except BROKEN as error:
            outcome = _unusable(error)
        _trace(step, outcome, began)
        return outcome

    async def _token(self, call: Call, run: _Run) -> str:
        if not call.request.scope:
            return ""
        if call.renew and self._renew:
            async with self._renewing:
                if self._credential is run.credential:  # else another flow was faster
                    self._credential = await self._renew()
        run.credential = current = self._credential
        return (await current.get_token(call.request.scope)).token


def _sync_client() -> Any:
    from azure.core import PipelineClient

    redact_logs()
    return PipelineClient("", policies=[], **sync_options())


def _async_client() -> Any:
    """`ssl` is an option of aiohttp's requests; connections are pooled as long as it is the same object."""
    from azure.core import AsyncPipelineClient
    from azure.core.pipeline.policies import CustomHookPolicy

    context = async_context()
    if context is None:
        return AsyncPipelineClient("", policies=[])

    def trusting(request: Any) -> None:
        request.context.options["ssl"] = context

    return AsyncPipelineClient("", policies=[CustomHookPolicy(raw_request_hook=trusting)])


def _failure(call: Call, error: Any) -> Failure | Refused:
    """No answer, or no token."""
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

    if isinstance(error, ClientAuthenticationError):
        return _no_token(sign_in_error(error, f"sign-in before {call.request.operation}"), error)
    return Failure(without_signatures(str(error.message)), sent=not isinstance(error, ServiceRequestError))


def _unusable(error: Exception) -> Failure:
    """The answer, or what it made us ask for, was such that the HTTP packages stumbled."""
    return Failure(without_signatures(f"{type(error).__name__}: {error}"), sent=True)


def _no_token(error: ServiceError, cause: Exception | None = None) -> Failure | Refused:
    if isinstance(error, UnreachableError):
        return Failure(error.message, sent=False, retry_after=error.retry_after)
    refusal = DeniedError(401, error.code, error.message, error.request_id, error.operation)
    refusal.__cause__ = cause or error
    return Refused(refusal)


def _trace(call: Call, outcome: Outcome, began: float) -> None:
    """The only log line about requests: no header, no body, no query."""
    millis = (time.monotonic() - began) * 1000
    request_id = outcome.request_id if isinstance(outcome, Response) else ""
    log.debug("%s -> %s in %.0f ms %s", call.request.operation, _told(outcome), millis, request_id)


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Response):
        return str(outcome.status)
    return outcome.message if isinstance(outcome, Failure) else f"no token: {outcome.error.code}"
