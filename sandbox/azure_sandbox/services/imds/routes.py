# SPDX-License-Identifier: Apache-2.0
"""``/metadata/identity/oauth2/token`` on the wire: every number is a string."""

from __future__ import annotations

from functools import partial

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import PUBLIC, Call, Operation
from azure_sandbox.kernel.surfaces import METADATA
from azure_sandbox.services.imds.service import HostIdentities


def operations(host: HostIdentities) -> list[Operation]:
    path = "/metadata/identity/oauth2/token"
    return [Operation(METADATA, "GET", path, partial(_token, host), PUBLIC)]


async def _token(host: HostIdentities, call: Call) -> Response:
    _check_metadata_request(call)
    resource = call.query.get("resource")
    if not resource:
        raise AzureError(400, "invalid_request", "Required query variable 'resource' is missing")
    identity = host.choose(call.query)
    now = int(call.cloud.clock.time())
    token, expires = host.token(identity, resource)
    lifetime = str(int(expires) - now)
    return JSONResponse(
        {
            "access_token": token,
            "client_id": identity.client_id,
            "expires_in": lifetime,
            "expires_on": str(int(expires)),
            "ext_expires_in": lifetime,
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


def _check_metadata_request(call: Call) -> None:
    """Only a process that can set a header may ask: a redirected browser or proxy cannot."""
    forwarded = "x-forwarded-for" in call.headers
    if forwarded or call.headers.get("metadata", "").lower() != "true":
        raise AzureError(400, "invalid_request", "Required metadata header not specified")
    if not call.query.get("api-version"):
        raise AzureError(400, "invalid_request", "Required query variable 'api-version' is missing")
