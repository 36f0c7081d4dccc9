# SPDX-License-Identifier: Apache-2.0
"""What a cluster's issuer publishes, at the addresses that AKS uses."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError, not_found, render_arm
from azure_sandbox.kernel.operation import ANONYMOUS, PUBLIC, Call, Caller, Need, Operation, Surface
from azure_sandbox.kernel.tokens import Issuer
from azure_sandbox.services.oidc.service import ClusterIssuers


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "Forbidden", "No action of Azure RBAC guards this address.")


SURFACE = Surface("oidc", ("{region}.$clusters",), _nobody, render_arm, _no_rbac)


def operations(issuers: ClusterIssuers) -> list[Operation]:
    base = "/{tenant}/{issuer}"
    return [
        Operation(
            SURFACE,
            "GET",
            f"{base}/.well-known/openid-configuration",
            partial(_configuration, issuers),
            PUBLIC,
        ),
        Operation(SURFACE, "GET", f"{base}/openid/v1/jwks", partial(_keys, issuers), PUBLIC),
    ]


async def _configuration(issuers: ClusterIssuers, call: Call) -> Response:
    issuer = _issuer(issuers, call)
    return JSONResponse(
        {
            "issuer": issuer.url,
            "jwks_uri": f"{issuer.url}openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


async def _keys(issuers: ClusterIssuers, call: Call) -> Response:
    return JSONResponse(_issuer(issuers, call).jwks())


def _issuer(issuers: ClusterIssuers, call: Call) -> Issuer:
    region, tenant, guid = (call.params[name] for name in ("region", "tenant", "issuer"))
    issuer = issuers.by_url(f"https://{region}.{call.cloud.azure.clusters}/{tenant}/{guid}/")
    if issuer is None:
        raise not_found("NotFound", "No cluster publishes its keys here.")
    return issuer
