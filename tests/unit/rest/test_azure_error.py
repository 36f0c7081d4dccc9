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


def test_the_request_id_is_kept_for_microsofts_support() -> None:
    assert translate(http(403)).request_id == "r1"
