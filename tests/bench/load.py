# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 load generator: kept-alive connections, through a CONNECT proxy and TLS or bare.

It writes prepared requests and reads answers by content length, so that the figure is the
server's and not the client library's.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Gives the next request's bytes.
Requests = Callable[[], bytes]


@dataclass(frozen=True)
class Lane:
    """One kept-alive connection.

    :param host: host name, also the TLS name
    :param requests: called for each request
    :param expect: the status that every answer must have
    """

    host: str
    requests: Requests
    expect: tuple[int, ...]


async def connect(
    lane: Lane, port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to 127.0.0.1:port; with a context, through CONNECT and TLS to the lane's host."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if context is not None:
        writer.write(f"CONNECT {lane.host}:443 HTTP/1.1\r\nHost: {lane.host}:443\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer:
            raise ConnectionError(answer.decode())
        await writer.start_tls(context, server_hostname=lane.host)
    return reader, writer


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send one request, read its whole answer, return the status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    if length:
        await reader.readexactly(length)
    return int(head[9:12])


async def drive(lane: Lane, port: int, context: ssl.SSLContext | None, until: float) -> int:
    reader, writer = await connect(lane, port, context)
    done = 0
    while time.monotonic() < until:
        status = await exchange(reader, writer, lane.requests())
        if status not in lane.expect:
            raise AssertionError(f"{lane.host} answered {status}")
        done += 1
    writer.close()
    return done


async def measure(lanes: list[Lane], port: int, context: ssl.SSLContext | None, seconds: float) -> float:
    """Requests per second over all lanes together."""
    started = time.monotonic()
    counts = await asyncio.gather(*(drive(lane, port, context, started + seconds) for lane in lanes))
    return sum(counts) / (time.monotonic() - started)
