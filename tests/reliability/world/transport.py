# SPDX-License-Identifier: Apache-2.0
"""azure-core's two transports, class-wide, ending in the sandbox of this process instead of a socket.

azure-identity and MSAL go the same way. The answers are azure-core's own response classes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport, RequestsTransportResponse
from azure.core.rest import HttpRequest
from azure.core.rest._requests_asyncio import RestAsyncioRequestsTransportResponse
from azure.core.rest._requests_basic import RestRequestsTransportResponse

from tests.reliability.world.failpoint import AnswerLostError

BLOCK = 4096

if TYPE_CHECKING:
    from tests.reliability.world.azure import Answer
    from tests.reliability.world.world import World


@contextmanager
def in_process(world: World) -> Iterator[None]:
    """For the time of the block no request of azure-core leaves this process."""
    real = RequestsTransport.send, AioHttpTransport.send

    def send(transport: Any, request: Any, **options: Any) -> Any:
        process = world.engine.current
        if process is not None:
            process.sleep(world.latency())
        answer = _exchange(world, request)
        if process is not None:
            process.sleep(world.latency())
        return _sync_response(request, answer)

    async def asend(transport: Any, request: Any, **options: Any) -> Any:
        await asyncio.sleep(world.latency())
        answer = _exchange(world, request)
        await asyncio.sleep(world.latency())
        response = RestAsyncioRequestsTransportResponse(
            request=request, internal_response=_received(answer), block_size=BLOCK
        )
        response._content = answer.body
        await response.read()
        return response

    RequestsTransport.send, AioHttpTransport.send = send, asend  # type: ignore[method-assign]
    try:
        yield
    finally:
        RequestsTransport.send, AioHttpTransport.send = real  # type: ignore[method-assign]


def _exchange(world: World, request: Any) -> Answer:
    """One request and its effect. Raises azure-core's error where the answer was cut off."""
    url = urlsplit(request.url)
    what = f"{request.method} {url.hostname}{url.path}"

    def ask() -> Answer:
        return world.ask(request.method, request.url, dict(request.headers), _content(request))

    try:
        return world.failpoints.perform(world.engine.current, what, ask, is_request=True)
    except AnswerLostError as lost:
        if lost.status == 0:
            raise ServiceResponseError("Connection aborted: connection reset by peer") from lost
        return lost.answer or world.broken(lost.status)


def _content(request: Any) -> bytes:
    content = request.content if isinstance(request, HttpRequest) else request.data
    if content is None:
        return b""
    if isinstance(content, dict):
        return requests.models.RequestEncodingMixin._encode_params(content).encode()
    return content.encode() if isinstance(content, str) else bytes(content)


def _received(answer: Answer) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response._content = answer.body
    response._content_consumed = True
    return response


def _sync_response(request: Any, answer: Answer) -> Any:
    received = _received(answer)
    if not isinstance(request, HttpRequest):
        return RequestsTransportResponse(request, received, BLOCK)
    response = RestRequestsTransportResponse(request=request, internal_response=received, block_size=BLOCK)
    response._content = answer.body
    response.read()
    return response
