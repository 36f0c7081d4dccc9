# SPDX-License-Identifier: Apache-2.0
"""Errors of Azure's own packages as errors of this one."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import (
    DeniedError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.rest.flow import TRANSIENT, parse_retry_after

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError, ClientAuthenticationError

_REFUSED = ("Caller: ", "Action: ", "Resource: ")
_AADSTS = re.compile(r"AADSTS\d+")
BUSY = frozenset({"AADSTS90006", "AADSTS90012", "AADSTS90024", "AADSTS90033", "AADSTS90055"})
"""Entra's codes for "try again": unavailable, timed out, out of budget, throttled (its error code reference)."""


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
    return kind(status, str(code), _told(text), headers.get("x-ms-request-id") or "", operation)


def _told(message: object) -> str:
    """The first line, and from the others who was refused what.

    Storage appends lines with the request id, the time and the code, which stand elsewhere; Key Vault
    appends the caller, the action and the resource, which stand nowhere else.
    """
    lines = [line.strip() for line in str(message).splitlines()] or [""]
    return " ".join([lines[0], *(line for line in lines[1:] if line.startswith(_REFUSED))])


def _had_no_answer(error: BaseException) -> bool:
    """azure-identity turns a broken connection into the error of a refusal; its cause tells them apart."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    return isinstance(error.__cause__, ServiceRequestError | ServiceResponseError)


def sign_in_error(error: ClientAuthenticationError, operation: str = "") -> ServiceError:
    """Entra (or the local identity endpoint) did not give a token: refused, or could not answer."""
    message = str(error.message)
    found = _AADSTS.search(message)
    code = found.group() if found else ""
    response = error.response or getattr(error.__cause__, "response", None)
    status = getattr(response, "status_code", None)
    if code in BUSY or (isinstance(status, int) and status in TRANSIENT):
        return UnreachableError(status or 0, code or "SignIn", message, "", operation, _named(response))
    if not code and _had_no_answer(error):
        return UnreachableError(0, "NoAnswer", f"Sign-in had no answer. {message}", "", operation)
    return DeniedError(401, code or type(error).__name__, message, "", operation)


def _named(response: Any) -> float | None:
    """Seconds that an answer asks to wait."""
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    lowered = {name.lower(): value for name, value in headers.items()}
    return parse_retry_after(lowered, datetime.fromtimestamp(time.time(), timezone.utc))
