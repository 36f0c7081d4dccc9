# SPDX-License-Identifier: Apache-2.0
"""Both drivers against a real server on loopback: what really leaves the process, and how often."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, field
from typing import Any

import pytest
import uvicorn
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import Response as Outgoing
from starlette.routing import Route

from airflow_provider_azureml.connection import CLOUDS, Cloud
from airflow_provider_azureml.errors import DeniedError, UnreachableError
from airflow_provider_azureml.rest.driver import AsyncDriver, Driver
from airflow_provider_azureml.rest.flow import Flow, Pause, Request, Response, expect
from airflow_provider_azureml.rest.retry import Retry


@dataclass
class Server:
    """Answers from a list, and remembers what it was asked."""

    url: str = ""
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Incoming) -> Outgoing:
        body = await request.body()
        self.seen.append({"method": request.method, "headers": dict(request.headers), "body": body})
        status, content, headers = self.answers.pop(0) if self.answers else (200, b"{}", {})
        return Outgoing(content, status, headers=headers)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    routes = [Route("/{path:path}", server.answer, methods=["GET", "PUT", "POST"])]
    listening = socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off", ws="none")
    served = uvicorn.Server(config)
    thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]})
    thread.start()
    while not served.started:
        time.sleep(0.01)
    yield server
    served.should_exit = True
    thread.join(10)


@pytest.fixture
def server(running: Server) -> Server:
    running.answers.clear()
    running.seen.clear()
    return running


class Loopback(Cloud):
    """A cloud that is here: tokens may go to plain loopback."""

    def trusts(self, url: str) -> bool:
        return url.startswith("http://127.0.0.1:")


class Token:
    """A credential that counts."""

    def __init__(self, name: str = "t") -> None:
        self.name = name
        self.asked: list[str] = []

    def get_token(self, *scopes: str) -> AccessToken:
        self.asked.extend(scopes)
        return AccessToken(self.name, 9_999_999_999)


class AsyncToken(Token):
    """The same for an event loop."""

    async def get_token(self, *scopes: str) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes)


Run = Callable[..., Any]
FAST = Retry(first=0.001, cap=0.001)
CLOUD = Loopback(*astuple(CLOUDS["public"]))


def run_sync(flow: Flow[Any], credential: Any = None, renew: Any = None, **session: Any) -> Any:
    session = {"retry": FAST, **session}
    with Driver(credential or Token(), CLOUD, renew=renew, **session) as driver:
        return driver.run(flow)


def run_async(flow: Flow[Any], credential: Any = None, renew: Any = None, **session: Any) -> Any:
    session = {"retry": FAST, **session}

    async def renewed() -> Any:
        return renew()

    async def main() -> Any:
        options = {"renew": renewed if renew else None, **session}
        async with AsyncDriver(credential or AsyncToken(), CLOUD, **options) as driver:
            return await driver.run(flow)

    return asyncio.run(main())


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest) -> tuple[Run, type[Token]]:
    return (run_sync, Token) if request.param == "sync" else (run_async, AsyncToken)


def ask(*requests: Request) -> Flow[list[Response]]:
    answers = []
    for request in requests:
        answers.append((yield request))
    return answers


def test_a_request_carries_token_correlation_and_a_fresh_id_for_each_call(server: Server, both) -> None:
    run, _ = both
    request = Request("PUT", server.url + "/a", scope="s/.default", json={"x": 1})
    run(ask(request, request), correlation_id="corr")
    first, second = (seen["headers"] for seen in server.seen)
    assert first["authorization"] == "Bearer t"
    assert first["x-ms-correlation-request-id"] == second["x-ms-correlation-request-id"] == "corr"
    assert first["x-ms-client-request-id"] != second["x-ms-client-request-id"]
    assert first["user-agent"].startswith("airflow-provider-azureml/")
    assert server.seen[0]["body"] == b'{"x": 1}'


def test_a_request_without_scope_sends_no_token_and_asks_for_none(server: Server, both) -> None:
    run, kind = both
    credential = kind()
    run(ask(Request("GET", server.url + "/a?sig=x")), credential)
    assert "authorization" not in server.seen[0]["headers"]
    assert credential.asked == []


def test_bytes_arrive_as_they_are(server: Server, both) -> None:
    run, _ = both
    headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
    run(ask(Request("PUT", server.url + "/a", content=b"\x00\xff", headers=headers)))
    assert server.seen[0]["body"] == b"\x00\xff"
    assert server.seen[0]["headers"]["x-ms-blob-type"] == "BlockBlob"


def test_an_empty_file_is_sent_with_its_length(server: Server, both) -> None:
    run, _ = both
    run(ask(Request("PUT", server.url + "/a", content=b"")))
    assert server.seen[0]["headers"]["content-length"] == "0"
    assert server.seen[0]["body"] == b""


def test_the_only_retries_are_ours(server: Server, both) -> None:
    run, _ = both
    server.answers += [(503, b"", {})] * 20
    (response,) = run(ask(Request("GET", server.url + "/a")))
    assert response.status == 503
    assert len(server.seen) == FAST.answers


def test_a_redirect_is_not_followed_with_our_token(server: Server, both) -> None:
    run, _ = both
    server.answers.append((307, b"", {"Location": server.url + "/elsewhere"}))
    (response,) = run(ask(Request("GET", server.url + "/a", scope="s")))
    assert (response.status, len(server.seen)) == (307, 1)


def test_a_refused_token_is_replaced_by_one_of_a_fresh_credential(server: Server, both) -> None:
    run, kind = both
    server.answers.append((401, b"", {}))
    (response,) = run(ask(Request("GET", server.url, scope="s")), kind("old"), lambda: kind("new"))
    assert response.status == 200
    assert [seen["headers"]["authorization"] for seen in server.seen] == ["Bearer old", "Bearer new"]


def test_nobody_listening_is_unreachable_with_the_address(both) -> None:
    run, _ = both
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError, match=rf"attempts\) \[GET http://127.0.0.1:{port}/a\]"):
        run(ask(Request("GET", f"http://127.0.0.1:{port}/a?sig=SECRET")))


def test_a_refused_sign_in_is_tried_once_more_with_what_the_connection_holds_now(
    server: Server, both
) -> None:
    run, kind = both

    class Rotated(kind):  # type: ignore[valid-type,misc]
        def get_token(self, *scopes: str) -> AccessToken:
            raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")

    (response,) = run(ask(Request("GET", server.url, scope="s")), Rotated("old"), lambda: kind("new"))
    assert response.status == 200
    assert [seen["headers"]["authorization"] for seen in server.seen] == ["Bearer new"]


def test_a_refused_sign_in_is_a_denial_with_entras_code_and_is_not_repeated(server: Server, both) -> None:
    run, kind = both
    asked = []

    class Refused(kind):  # type: ignore[valid-type,misc]
        def get_token(self, *scopes: str) -> AccessToken:
            asked.append(scopes)
            raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")

    with pytest.raises(DeniedError) as caught:
        run(ask(Request("GET", server.url, scope="s")), Refused())
    assert (caught.value.code, len(asked), server.seen) == ("AADSTS7000215", 1, [])


def test_an_unreachable_sign_in_is_tried_again(server: Server, both) -> None:
    run, kind = both
    asked = []

    class Flaky(kind):  # type: ignore[valid-type,misc]
        def get_token(self, *scopes: str) -> Any:
            asked.append(scopes)
            if len(asked) < 3:
                raise ServiceRequestError("no route")
            return super().get_token(*scopes)

    (response,) = run(ask(Request("GET", server.url, scope="s")), Flaky())
    assert (response.status, len(asked)) == (200, 3)


def test_a_pause_takes_its_time_and_an_error_reaches_the_caller(server: Server, both) -> None:
    run, _ = both
    server.answers.append((403, b'{"error":{"code":"AuthorizationFailed","message":"no"}}', {}))

    def flow() -> Flow[None]:
        yield Pause(0.2)
        expect((yield Request("GET", server.url + "/a")), 200)

    began = time.monotonic()
    with pytest.raises(DeniedError, match=r"403 AuthorizationFailed: no \[GET http"):
        run(flow())
    assert time.monotonic() - began >= 0.2


def test_no_secret_is_in_any_log_of_ours_and_all_are_masked_for_others(
    server: Server, both, caplog: pytest.LogCaptureFixture
) -> None:
    run, kind = both
    masked: list[str] = []
    request = Request("PUT", server.url + "/a?sv=1&sig=S1GNATURE", scope="s", json={"p": "B0DY"})
    with caplog.at_level(logging.DEBUG, logger="airflow_provider_azureml"):
        run(ask(request, request), kind("T0KEN"), mask=masked.append)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider")]
    assert len(ours) == 2
    assert "-> 200 in" in ours[0]
    assert not any(word in line for line in ours for word in ("S1GNATURE", "B0DY", "T0KEN"))
    assert masked == ["S1GNATURE", "T0KEN"]


def test_many_flows_share_one_async_driver(server: Server) -> None:
    async def main() -> list[Any]:
        async with AsyncDriver(AsyncToken(), CLOUD, retry=FAST) as driver:
            flows = (driver.run(ask(Request("GET", server.url, scope="s"))) for _ in range(50))
            return await asyncio.gather(*flows)

    assert len(asyncio.run(main())) == 50
