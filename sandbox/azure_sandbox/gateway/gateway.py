# SPDX-License-Identifier: Apache-2.0
"""Listens on loopback: one port is the CONNECT proxy, one is plain HTTP for instance metadata.

A CONNECT to an Azure name is answered, then the same connection is upgraded to TLS and handed
to uvicorn's HTTP protocol: TLS is end to end and no byte is copied through a second socket.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit
from weakref import WeakSet

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from azure_sandbox.gateway.hosts import METADATA_HOSTS
from azure_sandbox.gateway.reason import ReasonProtocol

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LARGEST_HEAD = 16_384


class Gateway:
    """The listeners of one sandbox.

    :param app: the ASGI application behind every name
    :param names: pattern of the host names that CONNECT may ask for
    :param unresolved: whether a name has no address for this connection
    :param proxy_port, metadata_port: 0 picks free ports; read them back after :meth:`start`
    """

    def __init__(
        self,
        app: ASGIApp,
        names: re.Pattern[str],
        context: ssl.SSLContext,
        unresolved: Callable[[str], bool],
        proxy_port: int = 0,
        metadata_port: int = 0,
    ) -> None:
        self._names = names
        self._unresolved = unresolved
        self._context = context
        self.proxy_port = proxy_port
        self.metadata_port = metadata_port
        #: the proxy again, on a free port that only jobs are told of: firewalls tell the two apart
        self.job_port = 0
        self._servers: list[asyncio.Server] = []
        self._state = ServerState()
        self._transports: WeakSet[asyncio.Transport] = WeakSet()
        # 75 s: a JVM that finds its kept-alive connection closed stalls for seconds (measured).
        self._config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=75, server_header=False
        )
        self._config.load()

    async def start(self) -> None:
        """Open the ports.

        :raises OSError: where a port is taken
        """
        loop = asyncio.get_running_loop()
        proxy = await loop.create_server(self._connect_protocol, LOOPBACK, self.proxy_port)
        metadata = await loop.create_server(self._http_protocol, LOOPBACK, self.metadata_port)
        jobs = await loop.create_server(self._connect_protocol, LOOPBACK, 0)
        self._servers = [proxy, metadata, jobs]
        self.proxy_port, self.metadata_port, self.job_port = (
            server.sockets[0].getsockname()[1] for server in self._servers
        )

    async def stop(self) -> None:
        """Close the ports and every connection, also those that never got past their first line."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        for task in list(self._state.tasks):
            task.cancel()
        for transport in list(self._transports):
            transport.abort()
        # Aborted transports report to their protocols, and close their sockets, in the next rounds.
        for _ in range(3):
            await asyncio.sleep(0)

    def _http_protocol(self) -> ReasonProtocol:
        return ReasonProtocol(config=self._config, server_state=self._state, app_state={})

    def _connect_protocol(self) -> ConnectProtocol:
        return ConnectProtocol(
            self._names, self._unresolved, self._context, self._http_protocol, self._transports
        )


class ConnectProtocol(asyncio.Protocol):
    """Reads one request head: CONNECT to an allowed name, or plain HTTP to a metadata address."""

    def __init__(
        self,
        names: re.Pattern[str],
        unresolved: Callable[[str], bool],
        context: ssl.SSLContext,
        http_protocol: Callable[[], asyncio.Protocol],
        transports: WeakSet[asyncio.Transport],
    ) -> None:
        self._names = names
        self._unresolved = unresolved
        self._context = context
        self._http_protocol = http_protocol
        self._transports = transports
        self._head = b""
        self._upgrade: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transports.add(self._transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._decide()
        elif len(self._head) > _LARGEST_HEAD:
            self._refuse("431 Request Header Fields Too Large", "request head too large")

    def _decide(self) -> None:
        method, target, version = [*self._head.partition(b"\r\n")[0].decode("latin1").split(" "), "", ""][:3]
        host, _, port = target.partition(":")
        if not version.startswith("HTTP/"):
            self._refuse("400 Bad Request", "not an HTTP request")
        elif method == "CONNECT" and port == "443" and self._names.fullmatch(host):
            if self._unresolved(host):
                self._refuse("502 Bad Gateway", f"{host} has no address")
                return
            self._upgrade = asyncio.get_running_loop().create_task(self._start_tls())
        elif method != "CONNECT" and _hostname(target) in METADATA_HOSTS:
            self._serve_plain()
        else:
            self._refuse("403 Forbidden", f"{target} is not a host of Azure that this sandbox serves")

    async def _start_tls(self) -> None:
        transport = cast("asyncio.Transport", self._transport)
        waiting = _EarlyBytes()
        transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport, waiting, self._context, server_side=True
            )
        except (OSError, ssl.SSLError) as error:
            # A client that does not trust the CA hangs up here: that is its error to report.
            log.info("TLS handshake ended: %r", error)
            return
        if secure is not None:
            waiting.hand_over(secure, self._http_protocol())

    def _serve_plain(self) -> None:
        """Hand the connection over as it is; the absolute-form target becomes a path."""
        transport = cast("asyncio.Transport", self._transport)
        line, _, rest = self._head.partition(b"\r\n")
        method, target, version = line.split(b" ", 2)
        parts = urlsplit(target.decode("latin1"))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        protocol = self._http_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(b" ".join((method, path.encode("latin1"), version)) + b"\r\n" + rest)

    def _refuse(self, status: str, why: str) -> None:
        transport = cast("asyncio.Transport", self._transport)
        body = f"azure-sandbox: {why}\n".encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        transport.close()


class _EarlyBytes(asyncio.Protocol):
    """Keeps what a client sends in one breath with the end of its handshake.

    ``start_tls`` may deliver it before it returns, when uvicorn's protocol has no connection yet.
    """

    def __init__(self) -> None:
        self._received = b""
        self._lost = False

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        if self._lost:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._received:
            protocol.data_received(self._received)


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
