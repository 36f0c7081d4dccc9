# SPDX-License-Identifier: Apache-2.0
"""How a vault greets a stranger, and how it refuses a caller without the role."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, render_arm
from azure_sandbox.kernel.operation import Caller, Need, Surface, bearer_for

_UNAUTHORIZED = {
    "missing": "AKV10000: Request is missing a Bearer or PoP token.",
    "expired": "AKV10022: Invalid token: the token is expired.",
    "audience": "AKV10022: Invalid audience. Expected {audience}.",
    "issuer": "AKV10032: Invalid issuer.",
}


def _admit(cloud: Cloud, request: Request) -> Caller:
    """A caller with a token for Key Vault who says which api-version they speak."""

    audience = cloud.azure.vault_audience

    def unauthorized(why: str) -> AzureError:
        challenge = f'Bearer authorization="{cloud.azure.authority}/{cloud.tenant_id}", resource="{audience}"'
        message = _UNAUTHORIZED.get(why, "AKV10015: The token is invalid.").replace("{audience}", audience)
        return AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": challenge})

    caller = bearer_for(lambda azure: [azure.vault_audience], unauthorized)(cloud, request)
    if not request.query_params.get("api-version"):
        raise AzureError(400, "BadParameter", "api-version must be specified")
    return caller


def _denied(location: str, caller: Caller, need: Need) -> AzureError:
    vault = need.scope.partition("/vaults/")[2].partition("/")[0]
    message = (
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, please observe "
        "propagation time.\r\n"
        f"Caller: appid={caller.app_id};oid={caller.object_id};iss={caller.claims.get('iss', '')}\r\n"
        f"Action: '{need.action}'\r\n"
        f"Resource: '{need.scope.lower()}'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: null \r\n"
        f"Vault: {vault};location={location}\r\n"
    )
    return AzureError(403, "Forbidden", message, body={"innererror": {"code": "ForbiddenByRbac"}})


def surface(cloud: Cloud) -> Surface:
    denied = partial(_denied, cloud.location)
    return Surface("keyvault", ("{vault}.$vault",), _admit, render_arm, denied)
