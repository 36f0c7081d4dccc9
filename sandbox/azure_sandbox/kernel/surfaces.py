# SPDX-License-Identifier: Apache-2.0
"""Surfaces that several services share. A surface of one service only lives with that service."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.clouds import Azure
from azure_sandbox.kernel.errors import AzureError, render_arm
from azure_sandbox.kernel.operation import ANONYMOUS, Caller, Need, Surface, bearer_for, by_role

#: What is wrong with the token -> ARM's code and text.
_UNAUTHORIZED = {
    "missing": ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    "expired": (
        "ExpiredAuthenticationToken",
        "The access token expiry UTC time is earlier than current UTC time.",
    ),
    "audience": (
        "InvalidAuthenticationTokenAudience",
        "The access token has been obtained for wrong audience or resource. "
        "It should exactly match with one of the allowed audiences {audiences}.",
    ),
    "issuer": (
        "InvalidAuthenticationTokenTenant",
        "The access token is from the wrong issuer. "
        "It must match the tenant associated with this subscription.",
    ),
}
_INVALID = ("InvalidAuthenticationToken", "The access token is invalid.")


def _unauthorized(cloud: Cloud, why: str) -> AzureError:
    code, message = _UNAUTHORIZED.get(why, _INVALID)
    audiences = ",".join(f"'{name}/','{name}'" for name in reversed(cloud.azure.management_audiences))
    message = message.replace("{audiences}", audiences)
    error = "invalid_request" if why == "missing" else "invalid_token"
    authority = f"https://{cloud.azure.old_login}"
    challenge = (
        f'Bearer authorization_uri="{authority}/{cloud.tenant_id}", '
        f'error="{error}", error_description="{message}"'
    )
    return AzureError(401, code, message, headers={"WWW-Authenticate": challenge})


def _audiences(azure: Azure) -> tuple[str, ...]:
    return azure.management_audiences


def _admit_management(cloud: Cloud, request: Request) -> Caller:
    """A caller with a token for ARM who says which api-version they speak, as ARM insists."""
    check = bearer_for(_audiences, lambda why: _unauthorized(cloud, why))
    caller = check(cloud, request)
    if not request.query_params.get("api-version"):
        raise AzureError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    return caller


def authorization_failed(caller: Caller, need: Need) -> AzureError:
    """ARM's 403, in the words that people search for."""
    return AzureError(
        403,
        "AuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' does not have authorization "
        f"to perform action '{need.action}' over scope '{need.scope}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials.",
    )


def permitted(cloud: Cloud, caller: Caller, need: Need) -> bool:
    """By role; where only a deny assignment stands in the way, Azure names it.

    :raises AzureError: 403 DenyAssignmentAuthorizationFailed
    """
    if by_role(cloud, caller, need):
        return True
    deny = cloud.rbac.denied_by(
        caller.object_id,
        need.action,
        need.scope,
        data=need.data,
        attributes=need.attributes,
        sub_operation=need.sub_operation,
    )
    if deny is None:
        return False
    raise AzureError(
        403,
        "DenyAssignmentAuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform action "
        f"'{need.action}' on scope '{need.scope}'; however, the access is denied because of the deny "
        f"assignment with name '{deny.name}' and Id '{deny.guid}' at scope '{deny.scope}'.",
    )


#: Azure Resource Manager: every provider's control plane.
MANAGEMENT = Surface(
    "management",
    ("$management",),
    _admit_management,
    render_arm,
    authorization_failed,
    permitted,
)


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _render_oauth(error: AzureError, request: Request) -> Response:
    content = {"error": error.code, "error_description": error.message, **error.body}
    return JSONResponse(content, error.status, headers=error.headers)


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "access_denied", f"{need.action} is not for {caller.kind} callers.")


#: The plain port: what a machine asks about itself, and the job's own MSI endpoint. Who may ask is
#: settled by the ``Metadata`` header or by the job's secret, so the handlers decide.
METADATA = Surface(
    "metadata",
    ("169.254.169.254", "127.0.0.1", "localhost"),
    _nobody,
    _render_oauth,
    _no_rbac,
)
