# SPDX-License-Identifier: Apache-2.0
"""Delivers what is left of an answer that a fault rule struck: late, in part, or not at all.

| | before (nothing has happened) | after (the effect is kept) | mid_body (kept) |
|---|---|---|---|
| status | this answer | this answer | - |
| reset | TCP reset | TCP reset | half of the body, then TCP reset |
| stall_seconds | silence, then TCP reset | silence, then the answer | half, silence, the other half |
| garble | - | this answer with flipped bytes | - |
| truncate | - | whole message, short body | length of all, short body, then closed |
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from typing import Any, cast

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from azure_sandbox.kernel.fault_rules import Rule

#: Where ``gateway/reason.py`` leaves the connection for us, in the scope's ``state``.
TRANSPORT = "azure_sandbox.transport"
#: Seconds for what was written to reach the client before a reset overtakes it.
_FLUSH = 0.05


def in_place(rule: Rule, response: Response) -> Response:
    """The rule's own answer where it has one, else the response, with wrong bytes if it says so."""
    action = rule.action
    if action.kind == "garble":
        return _garbled(response, action.garble)
    if action.kind != "status":
        return response
    replaced = Response(action.body or None, action.status)
    for name, value in action.headers:
        replaced.headers[name] = value
    return replaced


def _garbled(response: Response, count: int) -> Response:
    """The same answer with bytes of its body flipped, evenly spread; of a stream, of its first piece."""
    if isinstance(response, StreamingResponse):
        response.body_iterator = _garbled_stream(response.body_iterator, count)
    else:
        response.body = _flipped(bytes(response.body), count)
    return response


async def _garbled_stream(pieces: AsyncIterable[Any], count: int) -> AsyncIterator[Any]:
    left = count
    async for piece in pieces:
        yield _flipped(bytes(piece), left) if left else piece
        left = 0


def _flipped(body: bytes, count: int) -> bytes:
    flipped = bytearray(body)
    for number in range(min(count, len(body))):
        flipped[number * len(body) // min(count, len(body))] ^= 0x80
    return bytes(flipped)


async def deliver(rule: Rule, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the response as the rule says, and end the connection where it does."""
    kind, phase = rule.action.kind, rule.phase
    if phase == "mid_body" or kind == "truncate":
        await _Part(rule, scope, receive, send).deliver(response)
        return
    if kind == "stall_seconds":
        await _silence(rule.action.stall_seconds, receive)
    if kind == "reset" or (kind == "stall_seconds" and phase == "before"):
        await _reset(scope, receive)
    else:
        await response(scope, receive, send)


class _Ended(Exception):
    """The rest of the response is not wanted."""


class _Part:
    """Passes the first bytes of a body on, and does with the rest what the rule says."""

    def __init__(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        self._rule = rule
        self._scope, self._receive, self._send = scope, receive, send
        self._left: int | None = rule.action.truncate if rule.action.kind == "truncate" else None
        self._cut = False

    async def deliver(self, response: Response) -> None:
        try:
            await response(self._scope, self._receive, self._pass)
        except _Ended:
            await self._end()

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(self._head(message))
        elif self._cut:
            await self._send(message)
        else:
            await self._body(message)

    def _head(self, message: Message) -> Message:
        headers = list(message["headers"])
        length = next((int(value) for name, value in headers if name.lower() == b"content-length"), None)
        if self._left is None and length is not None:
            self._left = length // 2
        if length is None or self._rule.phase == "mid_body":
            return message
        kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
        shorter = str(min(length, self._left or 0)).encode()
        return {**message, "headers": [*kept, (b"content-length", shorter)]}

    async def _body(self, message: Message) -> None:
        body = message.get("body", b"")
        if self._left is None:
            # A stream of unknown length is cut within its first piece.
            self._left = len(body) // 2
        if len(body) < self._left and message.get("more_body"):
            self._left -= len(body)
            await self._send(message)
            return
        await self._damage(message, body[: self._left], body[self._left :])

    async def _damage(self, message: Message, first: bytes, rest: bytes) -> None:
        self._cut = True
        whole = self._rule.phase == "after"
        await self._send({"type": "http.response.body", "body": first, "more_body": not whole})
        if self._rule.action.kind != "stall_seconds":
            raise _Ended
        await _silence(self._rule.action.stall_seconds, self._receive)
        await self._send({**message, "body": rest})

    async def _end(self) -> None:
        if self._rule.action.kind == "reset":
            await asyncio.sleep(_FLUSH)
            await _reset(self._scope, self._receive)
        elif self._rule.phase == "mid_body":
            _transport(self._scope).close()
            await _disconnected(self._receive)


async def _reset(scope: Scope, receive: Receive) -> None:
    """Drop the connection with a TCP reset: the client's next read fails, it does not see an end."""
    transport = _transport(scope)
    # A duplicate descriptor is the same socket, and works with every event loop's transport.
    descriptor = transport.get_extra_info("socket").fileno()
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _disconnected(receive)


async def _silence(seconds: float, receive: Receive) -> None:
    """Nothing, for so long or until the client gives up."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_disconnected(receive), seconds)


async def _disconnected(receive: Receive) -> None:
    # uvicorn would answer 500 for an application that returns without an answer on a live connection.
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(scope: Scope) -> asyncio.Transport:
    state = cast("dict[str, Any]", scope["state"])
    return cast("asyncio.Transport", state[TRANSPORT])
