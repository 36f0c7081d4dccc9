# SPDX-License-Identifier: Apache-2.0
"""STS (query protocol, XML), Cognito (JSON 1.1) and their issuers' documents on the wire."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.discovery import WELL_KNOWN, configuration
from azure_sandbox.kernel.errors import AzureError, not_found, render_arm
from azure_sandbox.kernel.operation import ANONYMOUS, PUBLIC, Call, Caller, Need, Operation, Surface
from azure_sandbox.services.aws.accounts import Accounts
from azure_sandbox.services.aws.cognito import Cognito
from azure_sandbox.services.aws.records import COGNITO_ISSUER, Account
from azure_sandbox.services.aws.sts import VERSION, Sts

_NAMESPACE = f"https://sts.amazonaws.com/doc/{VERSION}/"
_JSON = "application/x-amz-json-1.1"


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "AccessDenied", "No action of Azure RBAC guards this address.")


def operations(accounts: Accounts) -> list[Operation]:
    # Who asks is settled by a signature over the whole request, so the handlers read it first.
    sts = Surface("sts", ("sts.{region}.amazonaws.com", "sts.amazonaws.com"), _nobody, _render, _no_rbac)
    hosts = ("cognito-identity.{region}.amazonaws.com",)
    cognito = Surface("cognito-identity", hosts, _nobody, _render_json, _no_rbac)
    pools = Surface("cognito-issuer", ("cognito-identity.amazonaws.com",), _nobody, render_arm, _no_rbac)
    outbound = Surface("aws-issuer", ("{id}.tokens.sts.global.api.aws",), _nobody, render_arm, _no_rbac)
    query = partial(_sts, Sts(accounts))
    return [
        Operation(sts, "POST", "/", query, PUBLIC),
        Operation(sts, "GET", "/", query, PUBLIC),
        Operation(cognito, "POST", "/", partial(_cognito, Cognito(accounts)), PUBLIC),
        Operation(pools, "GET", WELL_KNOWN, _pools_document, PUBLIC),
        Operation(pools, "GET", "/.well-known/jwks_uri", partial(_pools_keys, accounts), PUBLIC),
        Operation(outbound, "GET", WELL_KNOWN, partial(_document, accounts), PUBLIC),
        Operation(outbound, "GET", "/.well-known/jwks.json", partial(_keys, accounts), PUBLIC),
    ]


async def _sts(sts: Sts, call: Call) -> Response:
    form = await call.form() if call.request.method == "POST" else call.query
    action, result = await sts.answer(call, form)
    root = Element(f"{action}Response", xmlns=_NAMESPACE)
    _fill(SubElement(root, f"{action}Result"), result)
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = call.request_id
    return _xml(root, 200)


def _fill(parent: Element, members: dict[str, Any]) -> None:
    for name, value in members.items():
        child = SubElement(parent, name)
        if isinstance(value, dict):
            _fill(child, value)
        else:
            child.text = str(value)


def _render(error: AzureError, request: Request) -> Response:
    root = Element("ErrorResponse", xmlns=_NAMESPACE)
    inner = SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", error.code), ("Message", _printable(error.message))):
        SubElement(inner, name).text = text
    SubElement(root, "RequestId").text = str(request.scope.get("x-ms-request-id", ""))
    return _xml(root, error.status)


def _printable(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _xml(root: Element, status: int) -> Response:
    return Response(tostring(root, encoding="utf-8"), status, media_type="text/xml")


async def _cognito(cognito: Cognito, call: Call) -> Response:
    return Response(json.dumps(await cognito.answer(call)), media_type=_JSON)


def _render_json(error: AzureError, request: Request) -> Response:
    content = json.dumps({"__type": error.code, "message": error.message})
    # The JSON protocols say 400 for what the query protocol says 403.
    status = 400 if error.status == 403 else error.status
    return Response(content, status, {"x-amzn-ErrorType": error.code}, _JSON)


async def _pools_document(call: Call) -> Response:
    return JSONResponse(configuration(COGNITO_ISSUER, f"{COGNITO_ISSUER}/.well-known/jwks_uri"))


async def _pools_keys(accounts: Accounts, call: Call) -> Response:
    return JSONResponse(accounts.cognito.jwks())


async def _document(accounts: Accounts, call: Call) -> Response:
    issuer = _account(accounts, call).issuer
    keys = f"{issuer}/.well-known/jwks.json"
    return JSONResponse(configuration(issuer, keys, ("ES384", "RS256")))


async def _keys(accounts: Accounts, call: Call) -> Response:
    return JSONResponse(accounts.issuer(_account(accounts, call).id).jwks())


def _account(accounts: Accounts, call: Call) -> Account:
    account = accounts.by_issuer_host(call.params["id"])
    if account is None:
        raise not_found("NotFound", "No account publishes its keys here.")
    return account
