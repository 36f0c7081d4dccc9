# SPDX-License-Identifier: Apache-2.0
"""What a request becomes on its way out; the drivers themselves are proven in tests/wire."""

from __future__ import annotations

import asyncio
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.driver import AsyncDriver, Driver, _Session
from airflow_provider_azureml.rest.flow import Flow, Request, Response
from airflow_provider_azureml.rest.retry import ONCE, Call, Retry

URL = "https://management.azure.com/x"


def test_a_request_of_a_flow_can_set_and_override_headers() -> None:
    session = _Session(CLOUDS["public"])
    built = session.build(Request("GET", URL, headers={"Accept": "text/plain", "Range": "bytes=0-"}), "", "")
    assert (built.headers["Accept"], built.headers["Range"]) == ("text/plain", "bytes=0-")
    assert "Authorization" not in built.headers
    assert "x-ms-correlation-request-id" not in built.headers


def test_an_empty_json_object_is_still_a_body_and_no_body_is_none() -> None:
    session = _Session(CLOUDS["public"])
    assert session.build(Request("POST", URL, json={}), "", "").content is not None
    assert session.build(Request("POST", URL), "", "").content is None
    assert session.build(Request("PUT", URL, content=b""), "", "").headers["Content-Length"] == "0"


def test_each_secret_is_masked_once_because_masking_costs_a_message() -> None:
    masked: list[str] = []
    session = _Session(CLOUDS["public"], mask=masked.append)
    for _ in range(3):
        session.build(Request("GET", URL + "?sig=a%2Bb"), "token", "")
    assert masked == ["a+b", "token"]


@pytest.mark.parametrize(
    "request_, limits",
    [
        (Request("GET", URL), (10.0, 120.0)),
        (Request("GET", URL, brief=True), (3.0, 3.0)),
        (Request("GET", URL, patience=30.0), (10.0, 30.0)),
        (Request("GET", URL, patience=0.5), (3.0, 3.0)),
    ],
)
def test_no_request_is_waited_for_longer_than_its_flow_has_time(
    request_: Request, limits: tuple[float, float]
) -> None:
    found = _Session(CLOUDS["public"]).limits(Call(request_))
    assert (found["connection_timeout"], found["read_timeout"]) == limits


class NoRoute:
    """A credential whose network is down, and which says so with the whole address."""

    def get_token(self, *scopes: str) -> AccessToken:
        raise ServiceRequestError("Max retries exceeded with url: /c/x?sp=r&sig=ab%2Bc (no route)")


def test_the_text_of_a_broken_connection_has_no_signature() -> None:
    def flow() -> Flow[None]:
        yield Request("GET", URL, scope=CLOUDS["public"].arm_scope)

    with (
        Driver(NoRoute(), CLOUDS["public"], retry=Retry(silences=1)) as driver,
        pytest.raises(UnreachableError, match=r"sig=\*\*\* \(no route\)") as caught,
    ):
        driver.run(flow())
    assert "ab%2Bc" not in str(caught.value)


class Known:
    """A credential whose tokens have its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_token(self, *scopes: str) -> AccessToken:
        return AccessToken(self.name, 9_999_999_999)


class KnownAsync(Known):
    """The same in an event loop."""

    async def get_token(self, *scopes: str) -> AccessToken:  # type: ignore[override]
        return Known.get_token(self, *scopes)


def a_read() -> Flow[int]:
    response = yield Request("GET", URL, scope=CLOUDS["public"].arm_scope)
    return response.status


def answered(request: Any) -> SimpleNamespace:
    """401 for the old credential's token, 200 for any other."""
    status = 401 if request.headers["Authorization"] == "Bearer old" else 200
    return SimpleNamespace(status_code=status, headers={"X-Left": "7"}, content=b"")


async def test_500_flows_that_are_refused_together_renew_the_credential_once() -> None:
    made: list[str] = []

    async def renew() -> KnownAsync:
        made.append("new")
        await asyncio.sleep(0.01)
        return KnownAsync("new")

    async def send(request: Any, **options: Any) -> SimpleNamespace:
        await asyncio.sleep(0.001)
        return answered(request)

    async with AsyncDriver(KnownAsync("old"), CLOUDS["public"], renew=renew) as driver:
        driver._client.send_request = send
        results = await asyncio.gather(*(driver.run(a_read()) for _ in range(500)))
    assert (set(results), made) == ({200}, ["new"])


def test_threads_that_are_refused_together_renew_the_credential_once() -> None:
    made: list[str] = []

    def renew() -> Known:
        made.append("new")
        time.sleep(0.05)
        return Known("new")

    def send(request: Any, **options: Any) -> SimpleNamespace:
        time.sleep(0.01)
        return answered(request)

    with Driver(Known("old"), CLOUDS["public"], renew=renew) as driver, ThreadPoolExecutor(8) as threads:
        driver._client.send_request = send
        results = list(threads.map(lambda _: driver.run(a_read()), range(8)))
    assert (set(results), made) == ({200}, ["new"])


def test_every_answer_is_shown_to_who_wants_to_see_it() -> None:
    seen: list[Response] = []
    with Driver(Known("new"), CLOUDS["public"], see=seen.append) as driver:
        driver._client.send_request = lambda request, **options: answered(request)
        driver.run(a_read())
    assert [answer.headers for answer in seen] == [{"x-left": "7"}]


class Vouching:
    """A credential whose secret stands in a vault that does not give it."""

    def __init__(self, error: ServiceError) -> None:
        self.error = error

    def get_token(self, *scopes: str) -> AccessToken:
        raise self.error


def test_a_vault_that_refuses_the_secret_is_a_refused_sign_in_and_not_a_refused_request() -> None:
    error = DeniedError(403, "Forbidden", "no role on the vault")
    with (
        Driver(Vouching(error), CLOUDS["public"]) as driver,
        pytest.raises(DeniedError, match="no role on the vault") as caught,
    ):
        driver.run(a_read())
    assert caught.value.status == 401


def test_a_vault_that_is_busy_keeps_its_retry_after() -> None:
    error = UnreachableError(429, "TooManyRequests", "slow down", retry_after=30.0)
    with Driver(Vouching(error), CLOUDS["public"]) as driver, pytest.raises(UnreachableError) as caught:
        driver.run(a_read(), retry=ONCE)
    assert caught.value.retry_after == 30.0


@pytest.mark.parametrize(
    "credential", [KeyError("sig"), zlib.error("/c/x?sp=r&sig=ab%2Bc"), RecursionError()]
)
def test_whatever_stumbles_on_an_answer_is_no_answer(credential: Exception) -> None:
    class Stumbling:
        def get_token(self, *scopes: str) -> AccessToken:
            raise credential

    class AsyncStumbling:
        async def get_token(self, *scopes: str) -> AccessToken:
            raise credential

    def flow() -> Flow[None]:
        yield Request("GET", URL, scope=CLOUDS["public"].arm_scope)

    async def in_a_loop() -> None:
        async with AsyncDriver(AsyncStumbling(), CLOUDS["public"], retry=ONCE) as driver:
            await driver.run(flow())

    with Driver(Stumbling(), CLOUDS["public"], retry=ONCE) as driver:
        for run in (lambda: driver.run(flow()), lambda: asyncio.run(in_a_loop())):
            with pytest.raises(UnreachableError, match=type(credential).__name__) as caught:
                run()
            assert "ab%2Bc" not in str(caught.value)
