# SPDX-License-Identifier: Apache-2.0
"""``https://ORG.okta.com/oauth2/SERVER`` on the wire."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import ANONYMOUS, PUBLIC, Call, Caller, Need, Operation, Surface
from azure_sandbox.services.okta import errors
from azure_sandbox.services.okta.organisations import Organisations
from azure_sandbox.services.okta.records import Server
from azure_sandbox.services.okta.tokens import TokenEndpoint


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "access_denied", "No action of Azure RBAC guards this address.")


SURFACE = Surface("okta", ("{org}.okta.com",), _nobody, errors.render, _no_rbac)
_SERVER = "/oauth2/{server}"


def operations(organisations: Organisations) -> list[Operation]:
    endpoint = TokenEndpoint(organisations)
    documents = ("openid-configuration", "oauth-authorization-server")
    return [
        *(
            Operation(
                SURFACE, "GET", f"{_SERVER}/.well-known/{name}", partial(_document, organisations), PUBLIC
            )
            for name in documents
        ),
        Operation(SURFACE, "GET", f"{_SERVER}/v1/keys", partial(_keys, organisations), PUBLIC),
        Operation(SURFACE, "POST", f"{_SERVER}/v1/token", partial(_token, organisations, endpoint), PUBLIC),
    ]


async def _token(organisations: Organisations, endpoint: TokenEndpoint, call: Call) -> Response:
    server = _server(organisations, call)
    content = endpoint.grant(server, await call.form())
    return JSONResponse(content, headers={"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"})


async def _keys(organisations: Organisations, call: Call) -> Response:
    return JSONResponse(_server(organisations, call).issuer.jwks())


async def _document(organisations: Organisations, call: Call) -> Response:
    return JSONResponse(_configuration(_server(organisations, call)))


def _configuration(server: Server) -> dict[str, Any]:
    methods = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]
    return {
        "issuer": server.url,
        "authorization_endpoint": f"{server.url}/v1/authorize",
        "token_endpoint": server.token_endpoint,
        "userinfo_endpoint": f"{server.url}/v1/userinfo",
        "registration_endpoint": f"https://{server.org}.okta.com/oauth2/v1/clients",
        "jwks_uri": f"{server.url}/v1/keys",
        "response_types_supported": ["code", "id_token", "code id_token", "code token"],
        "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": [*server.scopes, "openid", "profile", "email", "offline_access"],
        "token_endpoint_auth_methods_supported": methods,
        "claims_supported": ["ver", "jti", "iss", "aud", "iat", "exp", "cid", "uid", "scp", "sub"],
        "introspection_endpoint": f"{server.url}/v1/introspect",
        "revocation_endpoint": f"{server.url}/v1/revoke",
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": ["HS256", "RS256", "ES256"],
    }


def _server(organisations: Organisations, call: Call) -> Server:
    found = organisations.server(call.params["org"], call.params["server"])
    if found is None:
        raise errors.no_server(call.params["server"])
    return found
