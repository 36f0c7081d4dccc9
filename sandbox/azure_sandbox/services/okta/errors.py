# SPDX-License-Identifier: Apache-2.0
"""Okta's refusals: OAuth's error object at the token endpoint, error codes elsewhere.

Texts: https://developer.okta.com/docs/reference/error-codes and public reports of them.
"""

from __future__ import annotations

import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError


def invalid_client(text: str) -> AzureError:
    return AzureError(401, "invalid_client", text)


def invalid_assertion(what: str) -> AzureError:
    return invalid_client(f"The client_assertion {what}")


def invalid_request(text: str) -> AzureError:
    return AzureError(400, "invalid_request", text)


def invalid_scope(text: str) -> AzureError:
    return AzureError(400, "invalid_scope", text)


def unsupported_grant() -> AzureError:
    return AzureError(
        400,
        "unsupported_grant_type",
        "The authorization grant type is not supported by the authorization server. "
        "Configured grant types: [client_credentials].",
    )


def policy_failed() -> AzureError:
    return AzureError(
        400,
        "access_denied",
        "Policy evaluation failed for this request, please check the policy configurations.",
    )


def no_server(identifier: str) -> AzureError:
    return AzureError(404, "E0000007", f"Not found: Resource not found: {identifier} (AuthorizationServer)")


def render(error: AzureError, request: Request) -> Response:
    if error.code.startswith("E0"):
        content = {
            "errorCode": error.code,
            "errorSummary": error.message,
            "errorLink": error.code,
            "errorId": f"oae{secrets.token_urlsafe(16)}",
            "errorCauses": [],
        }
    else:
        content = {"error": error.code, "error_description": error.message}
    return JSONResponse(content, error.status, headers={"Cache-Control": "no-cache, no-store"})
