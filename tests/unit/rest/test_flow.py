# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from airflow_provider_azureml.errors import (
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.rest.flow import (
    Flow,
    Pause,
    Request,
    Response,
    expect,
    legible,
    pages,
    parse_retry_after,
)

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ARM = {"error": {"code": "AuthorizationFailed", "message": "The client has no right", "details": []}}
RUN_HISTORY = {
    "error": {
        "code": "UserError",
        "message": "bad",
        "innerError": {"code": "A", "innerError": {"code": "B"}},
    },
    "correlation": {"operation": "x"},
}
GRAPH = {"error": {"code": "Request_ResourceNotFound", "message": "Resource 'x' does not exist"}}
ENTRA = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"}
STORAGE = (
    b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthorizationPermissionMismatch</Code>'
    b"<Message>This request is not authorized\nRequestId:1</Message></Error>"
)


def odd_details(details: object) -> bytes:
    return json.dumps({"error": {"code": "Blocked", "message": "m", "details": details}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "text"),
    [
        (403, json.dumps(ARM).encode(), DeniedError, "AuthorizationFailed", "The client has no right"),
        (400, json.dumps(RUN_HISTORY).encode(), ServiceError, "UserError", "bad (B)"),
        (404, json.dumps(GRAPH).encode(), NotFoundError, "Request_ResourceNotFound", "does not exist"),
        (401, json.dumps(ENTRA).encode(), DeniedError, "invalid_client", "AADSTS7000215"),
        (403, STORAGE, DeniedError, "AuthorizationPermissionMismatch", "not authorized"),
        (503, b"<html>", UnreachableError, "HTTP503", "<html>"),
        (500, b'"text"', UnreachableError, "HTTP500", ""),
        (404, odd_details(["policy 7"]), NotFoundError, "Blocked", "m policy 7"),
        (429, odd_details([None, 7]), UnreachableError, "Blocked", "m"),
        (403, odd_details({"rule": "x"}), DeniedError, "Blocked", "m"),
        (403, odd_details(7), DeniedError, "Blocked", "m"),
        (503, b'<?xml version="1.0" encoding="Shift_JIS"?><html/>', UnreachableError, "HTTP503", "<html/>"),
        (403, b'<?xml version="1.0" encoding="x-foo"?><html/>', DeniedError, "HTTP403", "<html/>"),
        (403, b"[" * 200_000, DeniedError, "HTTP403", "[[["),
    ],
)
def test_every_shape_of_error_becomes_its_type_with_azures_code_and_text(
    status: int, body: bytes, kind: type[ServiceError], code: str, text: str
) -> None:
    response = Response(status, {"x-ms-request-id": "r1", "retry-after": "7"}, body, "GET https://h/p")
    with pytest.raises(ServiceError) as caught:
        expect(response, 200)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.request_id, error.retry_after) == (status, code, "r1", 7.0)
    assert text in error.message
    assert "r1" in str(error)


def test_a_head_without_a_body_still_names_its_code() -> None:
    with pytest.raises(NotFoundError, match="BlobNotFound"):
        expect(Response(404, {"x-ms-error-code": "BlobNotFound"}), 200)


def test_an_answer_that_is_not_json_is_a_service_error() -> None:
    for body in (b"<html>", b"[" * 200_000):
        with pytest.raises(ServiceError, match="not JSON"):
            Response(200, {}, body).json()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 31 Dec 2025 23:00:00 GMT"}, 0.0),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after-ms": "9" * 400}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2030 00:00:00 +9999999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert parse_retry_after(headers, NOW) == seconds


def test_the_name_of_an_operation_holds_no_query_since_a_query_may_hold_a_signature() -> None:
    request = Request("GET", "https://a.blob.core.windows.net/c/log.txt?sv=1&sig=SECRET")
    assert request.operation == "GET https://a.blob.core.windows.net/c/log.txt"


def test_an_operation_on_what_is_no_address_has_a_name_too() -> None:
    assert Request("GET", "http://[bad?sig=SECRET").operation == "GET (no address)"


def test_no_record_shows_headers_bodies_or_content_in_its_repr() -> None:
    request = Request("PUT", "https://h/p", content=b"SECRET", headers={"Authorization": "SECRET"})
    assert "SECRET" not in repr(request)
    assert "SECRET" not in repr(Response(200, {"set-cookie": "SECRET"}, b"SECRET"))


def test_all_pages_of_a_list_are_read_with_the_same_scope(play) -> None:
    first = Request("GET", "https://management.azure.com/x", scope="s")
    played = play(pages(first), {"value": [1], "nextLink": "https://management.azure.com/y"}, {"value": [2]})
    assert played.result == [1, 2]
    assert [(request.url[-1], request.scope) for request in played.requests] == [("x", "s"), ("y", "s")]


def test_a_date_to_wait_for_is_reckoned_by_the_services_own_clock() -> None:
    headers = {"retry-after": "Mon, 01 Jan 2024 00:10:00 GMT", "date": "Mon, 01 Jan 2024 00:09:30 GMT"}
    an_hour_slow = datetime(2023, 12, 31, 23, 9, 30, tzinfo=timezone.utc)
    assert parse_retry_after(headers, an_hour_slow) == 30.0
    assert parse_retry_after(headers | {"date": "soon"}, an_hour_slow) == 3630.0


@pytest.mark.parametrize(
    "problem",
    [
        KeyError("a"),
        TypeError("a"),
        ValueError("a"),
        AttributeError("a"),
        RecursionError("a"),
        OverflowError("a"),
    ],
)
def test_an_answer_of_an_unexpected_shape_is_a_service_error(problem: Exception) -> None:
    def flow() -> Flow[str]:
        yield Pause(0.0)
        raise problem

    running = legible(flow())
    next(running)
    with pytest.raises(ServiceError, match="Unreadable"):
        running.send(Response(200))
