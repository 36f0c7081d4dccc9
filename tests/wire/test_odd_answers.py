# SPDX-License-Identifier: Apache-2.0
"""Answers of proxies, firewalls and broken servers, byte by byte: each is an error of ours, in both drivers."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_azureml.errors import AzureMLError, DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.flow import Request, pages
from airflow_provider_azureml.rest.retry import Retry
from tests.wire.test_driver import AsyncToken, Token, run_async, run_sync

Serve = Callable[[bytes], str]
ONE = Retry(answers=1, silences=1)
SHIFT_JIS = b'<?xml version="1.0" encoding="Shift_JIS"?><!DOCTYPE html><html>blocked</html>'
TOO_LATE = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def error(status: int, details: Any, *headers: str) -> bytes:
    body = {"error": {"code": "Blocked", "message": "m", "details": details}}
    return answer(status, json.dumps(body).encode(), *headers)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers every request with these bytes, and gives its address."""
    servers = []

    def start(raw: bytes) -> str:
        class Answering(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                self.request.sendall(raw)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/x"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(kind: str, url: str) -> list[Any]:
    """The items of a list, by a driver that can renew its credential."""
    flow = pages(Request("GET", url, scope="s"))
    if kind == "sync":
        return list(run_sync(flow, renew=Token, retry=ONE))
    return list(run_async(flow, renew=AsyncToken, retry=ONE))


BLOCKED = (DeniedError, 403, "Blocked", None)
AWAY = (UnreachableError, 0, "NoAnswer", None)
CASES: dict[str, tuple[bytes, tuple[type[AzureMLError], int, str, float | None]]] = {
    "details that are texts": (error(403, ["policy 7"]), BLOCKED),
    "a detail that is null": (error(403, [None]), BLOCKED),
    "details that are an object": (error(403, {"rule": "x"}), BLOCKED),
    "details that are a number": (error(403, 7), BLOCKED),
    "a throttled answer with odd details": (
        error(429, ["policy 7"], "Retry-After: 3"),
        (UnreachableError, 429, "Blocked", 3.0),
    ),
    "a block page in Shift_JIS": (answer(403, SHIFT_JIS), (DeniedError, 403, "HTTP403", None)),
    "an outage in Shift_JIS": (
        answer(503, SHIFT_JIS, "Retry-After: 3"),
        (UnreachableError, 503, "HTTP503", 3.0),
    ),
    "a block page in no encoding": (
        answer(403, b'<?xml version="1.0" encoding="x-foo"?><html/>'),
        (DeniedError, 403, "HTTP403", None),
    ),
    "a pause until the end of time": (
        answer(503, b"{}", f"Retry-After: {TOO_LATE}"),
        (UnreachableError, 503, "HTTP503", None),
    ),
    "a pause in no time zone": (
        answer(503, b"{}", "Retry-After: Mon, 01 Jan 2030 00:00:00 +9999999999999"),
        (UnreachableError, 503, "HTTP503", None),
    ),
    "a pause of endless milliseconds": (
        answer(503, b"{}", "retry-after-ms: " + "9" * 400),
        (UnreachableError, 503, "HTTP503", None),
    ),
    "nested without end": (answer(200, b"[" * 200_000), (ServiceError, 200, "NotJson", None)),
    "an error nested without end": (answer(403, b"[" * 200_000), (DeniedError, 403, "HTTP403", None)),
    "a next page at no address": (
        answer(200, b'{"value": [], "nextLink": "http://[bad"}'),
        (ServiceError, 0, "ForeignHost", None),
    ),
    "corrupt gzip": (answer(200, b"xxxxxxxx", "Content-Encoding: gzip"), AWAY),
    "half an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", AWAY),
    "no HTTP": (b"\x00\x01garbage\r\n\r\n", AWAY),
    "a bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfoo\r\n", AWAY),
    "a status that is none": (answer(999, b"{}"), (ServiceError, 999, "HTTP999", None)),
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", CASES, ids=lambda name: name.replace(" ", "_"))
def test_an_odd_answer_is_an_error_of_ours_that_keeps_status_code_and_pause(
    serve: Serve, name: str, kind: str
) -> None:
    raw, expected = CASES[name]
    with pytest.raises(ServiceError) as caught:
        run(kind, serve(raw))
    found = caught.value
    assert (type(found), found.status, found.code, found.retry_after) == expected


@pytest.mark.parametrize("kind, code", [("sync", "NoAnswer"), ("async", "HTTP307")])
def test_a_redirect_to_no_address_is_an_error_of_ours(serve: Serve, kind: str, code: str) -> None:
    with pytest.raises(ServiceError) as caught:
        run(kind, serve(answer(307, b"", "Location: http://[bad")))
    assert caught.value.code == code


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_good_answer_is_read_also_when_it_is_compressed(serve: Serve, kind: str) -> None:
    body = gzip.compress(b'{"value": [1, 2]}')
    assert run(kind, serve(answer(200, body, "Content-Encoding: gzip"))) == [1, 2]
