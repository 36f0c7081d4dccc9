# SPDX-License-Identifier: Apache-2.0
"""Errors of Azure's own packages as errors of this one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_provider_azureml.errors import (
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.rest.flow import TRANSIENT

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError, ClientAuthenticationError

_AADSTS = re.compile(r"AADSTS\d+")


def translate(error: AzureError, operation: str = "") -> ServiceError:
    """The same error in this package's words; the texts stay Azure's."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    if isinstance(error, ClientAuthenticationError):
        return sign_in_error(error, operation)
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return UnreachableError(0, "NoAnswer", str(error.message), "", operation)
    status = error.status_code
    kinds = {401: DeniedError, 403: DeniedError, 404: NotFoundError}
    kind = kinds.get(status, UnreachableError if status in TRANSIENT else ServiceError)
    code = getattr(error, "error_code", None) or getattr(error.error, "code", None) or error.reason
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    text = getattr(error.error, "message", None) or error.message
    return kind(status, str(code), _first_line(text), headers.get("x-ms-request-id") or "", operation)


def _first_line(message: object) -> str:
    """Storage appends lines with the request id, the time and the code, which stand elsewhere."""
    return str(message).partition("\n")[0].strip()


def sign_in_error(error: ClientAuthenticationError, operation: str = "") -> ServiceError:
    """Entra (or the local identity endpoint) did not give a token: refused, or could not answer."""
    message = str(error.message)
    found = _AADSTS.search(message)
    status = getattr(error.response, "status_code", None)
    if found is None and isinstance(status, int) and status in TRANSIENT:
        return UnreachableError(status, "SignIn", message, "", operation)
    return DeniedError(401, found.group() if found else type(error).__name__, message, "", operation)
