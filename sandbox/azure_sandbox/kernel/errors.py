# SPDX-License-Identifier: Apache-2.0
"""One error type; each surface renders it in its own wire format.

Services raise :class:`AzureError` with Azure's own status, code and text. They never build
error responses themselves, so that a status or header cannot differ between two handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: Moved by the gateway into the status line, where Azure Storage says why: gateway/reason.py.
REASON_HEADER = "x-azure-sandbox-reason"


class AzureError(Exception):
    """A refusal as Azure words it.

    :param status: HTTP status
    :param code: Azure's error code, for example ``AuthorizationFailed``
    :param message: Azure's own text
    :param headers: extra response headers (``Retry-After``, ``WWW-Authenticate``)
    :param body: further members of the error object (``target``, ``details``, ``innererror``)
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.body = dict(body or {})


def bad_request(code: str, message: str) -> AzureError:
    return AzureError(400, code, message)


def not_found(code: str, message: str) -> AzureError:
    return AzureError(404, code, message)


def render_arm(error: AzureError, request: Request) -> Response:
    """``{"error": {"code", "message", ...}}``: ARM, Key Vault, and with small additions Graph."""
    content = {"error": {"code": error.code, "message": error.message, **error.body}}
    return JSONResponse(content, error.status, headers=error.headers)


def empty_on_head(response: Response, request: Request) -> Response:
    """A HEAD answer has no body: status and headers alone must carry the error."""
    if request.method != "HEAD":
        return response
    bare = Response(status_code=response.status_code)
    kept = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
    bare.headers.update(kept)
    return bare
