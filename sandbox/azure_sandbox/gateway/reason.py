# SPDX-License-Identifier: Apache-2.0
"""Azure Storage says why in the status line (``HTTP/1.1 403 This request is not authorized ...``).

hadoop-azure prints exactly that for a refused HEAD, which has no body. ASGI has no place for a
reason phrase, so a surface puts it into :data:`azure_sandbox.kernel.errors.REASON_HEADER`, and the
gateway moves it from there into the status line.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from azure_sandbox.gateway.damage import TRANSPORT
from azure_sandbox.kernel.errors import REASON_HEADER

_HEADER = b"\r\n" + REASON_HEADER.encode() + b": "


class ReasonProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a transport that knows reasons, which every request's scope can reach."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.app_state[TRANSPORT] = transport
        super().connection_made(cast("asyncio.Transport", ReasonTransport(transport)))


class ReasonTransport:
    """A transport in all but :meth:`write`."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def write(self, data: bytes) -> None:
        speaks = data.startswith(b"HTTP/1.1 4") and _HEADER in data
        self._transport.write(with_reason(data) if speaks else data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def with_reason(head: bytes) -> bytes:
    """The head of an answer with its reason in the status line instead of a header."""
    before, _, rest = head.partition(_HEADER)
    reason, _, after = rest.partition(b"\r\n")
    version_and_status, _, _ = before.partition(b"\r\n")
    return version_and_status[:12] + b" " + reason + before[len(version_and_status) :] + b"\r\n" + after
