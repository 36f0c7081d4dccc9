# SPDX-License-Identifier: Apache-2.0
"""login.microsoftonline.com on the wire."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.clouds import CLOUDS
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import ANONYMOUS, PUBLIC, Call, Caller, Handler, Need, Operation, Surface
from azure_sandbox.services.entra import errors
from azure_sandbox.services.entra.service import SHARED_TENANTS, Granted, TokenService

_NO_STORE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def operations(cloud: Cloud, tokens: TokenService) -> list[Operation]:
    surface = Surface("entra", cloud.azure.login, _nobody, partial(errors.render, cloud), _no_rbac)
    handlers: dict[tuple[str, str], Handler] = {
        ("POST", "/{tenant}/oauth2/v2.0/token"): partial(_token, tokens, version=2),
        ("POST", "/{tenant}/oauth2/token"): partial(_token, tokens, version=1),
        ("GET", "/{tenant}/v2.0/.well-known/openid-configuration"): partial(
            _configuration, tokens, version=2
        ),
        ("GET", "/{tenant}/.well-known/openid-configuration"): partial(_configuration, tokens, version=1),
        ("GET", "/{tenant}/discovery/v2.0/keys"): partial(_keys, tokens),
        ("GET", "/{tenant}/discovery/keys"): partial(_keys, tokens),
        ("GET", "/common/discovery/instance"): _instance,
    }
    return [Operation(surface, method, path, handler, PUBLIC) for (method, path), handler in handlers.items()]


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "access_denied", "No action of Azure RBAC guards this address.")


async def _token(tokens: TokenService, call: Call, *, version: int) -> Response:
    form = {**_basic(call.headers.get("authorization", "")), **await _form(call.request)}
    granted = await tokens.grant(call.params["tenant"], form, version=version)
    return JSONResponse(_answer(granted, version), headers=_NO_STORE)


def _answer(granted: Granted, version: int) -> dict[str, Any]:
    seconds = int(granted.expires - granted.issued)
    if version == 2:
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": granted.token,
        }
    # The version 1 endpoint writes numbers as strings and repeats the resource.
    return {
        "token_type": "Bearer",
        "expires_in": str(seconds),
        "ext_expires_in": str(seconds),
        "expires_on": str(int(granted.expires)),
        "not_before": str(int(granted.issued)),
        "resource": granted.resource,
        "access_token": granted.token,
    }


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf8", "replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise errors.aadsts(90100, "The request body holds too many parameters.") from None


def _basic(header: str) -> dict[str, str]:
    """Client id and secret of an HTTP Basic header; nothing where there is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return {}
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}


async def _configuration(tokens: TokenService, call: Call, *, version: int) -> Response:
    tenant, azure = call.params["tenant"], call.cloud.azure
    tokens.check_tenant(tenant)
    base, path = f"https://{_asked(call)}/{tenant}", "/v2.0" if version == 2 else ""
    shared = tenant.lower() in SHARED_TENANTS
    named = "{tenantid}" if shared else call.cloud.tenant_id
    issuer = azure.v2_issuer(named) if version == 2 else azure.v1_issuer(named)
    return JSONResponse(
        {
            "token_endpoint": f"{base}/oauth2{path}/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "jwks_uri": f"{base}/discovery{path}/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "authorization_endpoint": f"{base}/oauth2{path}/authorize",
            "device_authorization_endpoint": f"{base}/oauth2{path}/devicecode",
            "end_session_endpoint": f"{base}/oauth2{path}/logout",
            "tenant_region_scope": "NA",
            "cloud_instance_name": azure.instance,
            "msgraph_host": azure.graph,
        }
    )


def _asked(call: Call) -> str:
    """The login host that was asked: its document names itself, where a cloud has several."""
    return call.headers.get("host", "").partition(":")[0].lower()


async def _keys(tokens: TokenService, call: Call) -> Response:
    tokens.check_tenant(call.params["tenant"])
    return JSONResponse(call.cloud.entra.jwks())


async def _instance(call: Call) -> Response:
    """Instance discovery: which hosts are one cloud, for libraries that check before they log in."""
    endpoint = call.query.get("authorization_endpoint")
    if not endpoint:
        raise errors.missing_parameter("authorization_endpoint")
    if urlsplit(endpoint).hostname not in {host for azure in CLOUDS.values() for host in azure.login}:
        raise errors.unknown_instance()
    authority = endpoint.partition("/oauth2/")[0]
    return JSONResponse(
        {
            "tenant_discovery_endpoint": f"{authority}/v2.0/.well-known/openid-configuration",
            "api-version": call.query.get("api-version", "1.1"),
            "metadata": [
                {
                    "preferred_network": azure.issuer,
                    "preferred_cache": azure.old_login,
                    "aliases": list(azure.login),
                }
                for azure in CLOUDS.values()
            ],
        }
    )
