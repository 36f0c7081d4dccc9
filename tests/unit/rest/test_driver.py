# SPDX-License-Identifier: Apache-2.0
"""What a request becomes on its way out; the drivers themselves are proven in tests/wire."""

from __future__ import annotations

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import UnreachableError
from airflow_provider_azureml.rest.driver import Driver, _Session
from airflow_provider_azureml.rest.flow import Flow, Request
from airflow_provider_azureml.rest.retry import Call, Retry

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
