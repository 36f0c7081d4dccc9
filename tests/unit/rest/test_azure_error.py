# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from airflow_provider_azureml.errors import DeniedError, NotFoundError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.azure_error import translate


def response(status: int) -> SimpleNamespace:
    return SimpleNamespace(status_code=status, reason="Because", headers={"x-ms-request-id": "r1"})


def http(status: int, code: str = "") -> HttpResponseError:
    error = HttpResponseError("text of Azure", response=response(status))
    if code:
        error.error_code = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "status", "code"),
    [
        (http(403, "AuthorizationPermissionMismatch"), DeniedError, 403, "AuthorizationPermissionMismatch"),
        (http(404, "PathNotFound"), NotFoundError, 404, "PathNotFound"),
        (http(503), UnreachableError, 503, "Because"),
        (ResourceExistsError("x", response=response(409)), ServiceError, 409, "Because"),
        (ServiceRequestError("no route"), UnreachableError, 0, "NoAnswer"),
        (ClientAuthenticationError("AADSTS700016: not found"), DeniedError, 401, "AADSTS700016"),
        (ClientAuthenticationError("no identity here"), DeniedError, 401, "ClientAuthenticationError"),
        (ClientAuthenticationError("busy", response=response(503)), UnreachableError, 503, "SignIn"),
    ],
)
def test_azures_errors_become_ours_with_code_and_text(
    error: AzureError, kind: type[ServiceError], status: int, code: str
) -> None:
    ours = translate(error, "GET x")
    assert type(ours) is kind
    assert (ours.status, ours.code, ours.operation) == (status, code, "GET x")
    assert ours.message


@pytest.mark.parametrize("cause", [ServiceRequestError("no route"), ServiceResponseError("cut off")])
def test_a_sign_in_without_an_answer_is_no_refusal(cause: AzureError) -> None:
    """azure-identity raises a broken connection to Entra as a ClientAuthenticationError."""
    error = ClientAuthenticationError("Authentication failed: no route")
    error.__cause__ = cause
    ours = translate(error, "sign in")
    assert type(ours) is UnreachableError
    assert ours.message == "Sign-in had no answer. Authentication failed: no route"


def test_a_refusal_that_came_with_an_answer_stays_one() -> None:
    error = ClientAuthenticationError("Authentication failed: Unable to get authority configuration")
    error.__cause__ = ValueError("Unable to get authority configuration")
    assert type(translate(error)) is DeniedError


def test_of_many_lines_the_first_and_who_was_refused_what_are_kept() -> None:
    text = "Caller is not authorized.\r\nPlease wait.\r\nCaller: oid=o\r\nAction: 'a'\r\nResource: 'r'\r\nTime: now"
    error = HttpResponseError(text, response=response(403))
    assert translate(error).message == "Caller is not authorized. Caller: oid=o Action: 'a' Resource: 'r'"


def test_the_request_id_is_kept_for_microsofts_support() -> None:
    assert translate(http(403)).request_id == "r1"


def test_a_busy_entra_is_no_refusal_and_keeps_its_retry_after() -> None:
    busy = SimpleNamespace(status_code=400, reason="x", headers={"Retry-After": "20"})
    ours = translate(ClientAuthenticationError("AADSTS90033: A transient error.", response=busy))
    assert isinstance(ours, UnreachableError)
    assert (ours.code, ours.retry_after) == ("AADSTS90033", 20.0)


def test_an_answer_that_stands_behind_a_failed_sign_in_says_what_it_was() -> None:
    error = ClientAuthenticationError("Authentication failed: HTTP Error: 503")
    error.__cause__ = HttpResponseError("x", response=response(503))
    assert isinstance(translate(error), UnreachableError)
