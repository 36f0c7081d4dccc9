# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 load generator: kept-alive connections, through a CONNECT proxy and TLS or bare.

It writes prepared requests and reads answers by content length, so that the figure is the
server's and not the client library's.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One request of a worker's round.

    :param host: host name, also the TLS name; a worker keeps one connection per host
    :param request: gives the bytes of the next request
    :param expect: the status that every answer must have
    """

    host: str
    request: Callable[[], bytes]
    expect: frozenset[int]


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(host: str, port: int, context: ssl.SSLContext | None) -> Connection:
    """A connection to 127.0.0.1:port; with a context, through CONNECT and TLS to the host."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if context is not None:
        writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer:
            raise ConnectionError(answer.decode())
        await writer.start_tls(context, server_hostname=host)
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


async def work(steps: Sequence[Step], port: int, context: ssl.SSLContext | None, until: float) -> int:
    """Do the round again and again; the number of requests answered as expected."""
    hosts = {step.host for step in steps}
    connections = {host: await connect(host, port, context) for host in hosts}
    done = 0
    while time.monotonic() < until:
        for step in steps:
            status = await exchange(*connections[step.host], step.request())
            if status not in step.expect:
                raise AssertionError(f"{step.host} answered {status}")
            done += 1
    for _, writer in connections.values():
        writer.close()
    return done


async def measure(
    workers: Sequence[Sequence[Step]], port: int, context: ssl.SSLContext | None, seconds: float
) -> float:
    """Requests per second over all workers together."""
    started = time.monotonic()
    counts = await asyncio.gather(*(work(steps, port, context, started + seconds) for steps in workers))
    return sum(counts) / (time.monotonic() - started)
