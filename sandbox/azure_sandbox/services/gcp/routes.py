# SPDX-License-Identifier: Apache-2.0
"""``http://metadata.google.internal`` on the wire, and the documents of Google's issuer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.discovery import WELL_KNOWN, configuration
from azure_sandbox.kernel.errors import AzureError, render_arm
from azure_sandbox.kernel.operation import ANONYMOUS, PUBLIC, Call, Caller, Need, Operation, Surface
from azure_sandbox.kernel.surfaces import METADATA
from azure_sandbox.services.gcp.metadata import ISSUER, KEYS, ServiceAccount, ServiceAccounts

_FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_ROOT = "/computeMetadata/v1/instance/service-accounts"


def _nobody(cloud: Cloud, request: Request) -> Caller:
    return ANONYMOUS


def _no_rbac(caller: Caller, need: Need) -> AzureError:
    return AzureError(403, "Forbidden", "No action of Azure RBAC guards this address.")


def _render(error: AzureError, request: Request) -> Response:
    return PlainTextResponse(f"{error.message}\n", error.status, _FLAVOR)


_Handler = Callable[[ServiceAccounts, Call], Awaitable[Response]]


def operations(accounts: ServiceAccounts) -> list[Operation]:
    machine = Surface(
        "gcp-metadata",
        ("metadata.google.internal", "metadata", *METADATA.hosts),
        _nobody,
        _render,
        _no_rbac,
        prefix="/computeMetadata/",
    )
    root = Surface("gcp-root", ("metadata.google.internal",), _nobody, _render, _no_rbac)
    issuer = Surface("google", ("accounts.google.com",), _nobody, render_arm, _no_rbac)
    keys = Surface("google-keys", ("www.googleapis.com",), _nobody, render_arm, _no_rbac)
    paths: list[tuple[str, _Handler]] = [
        (f"{_ROOT}/", _list),
        (f"{_ROOT}/{{account}}/", _describe),
        (f"{_ROOT}/{{account}}/email", _email),
        (f"{_ROOT}/{{account}}/identity", _identity),
    ]
    return [
        *(Operation(machine, "GET", path, partial(handler, accounts), PUBLIC) for path, handler in paths),
        Operation(root, "GET", "/", partial(_ping, accounts), PUBLIC),
        # Google's libraries ask the bare address whether they are at home.
        Operation(METADATA, "GET", "/", partial(_ping, accounts), PUBLIC),
        Operation(issuer, "GET", WELL_KNOWN, _document, PUBLIC),
        Operation(keys, "GET", "/oauth2/v3/certs", partial(_keys, accounts), PUBLIC),
    ]


async def _ping(accounts: ServiceAccounts, call: Call) -> Response:
    _check(accounts, call)
    return PlainTextResponse("computeMetadata/\n", headers=_FLAVOR)


async def _list(accounts: ServiceAccounts, call: Call) -> Response:
    _check(accounts, call)
    names = ["default", *accounts.emails()]
    return PlainTextResponse("".join(f"{name}/\n" for name in names), headers=_FLAVOR)


async def _describe(accounts: ServiceAccounts, call: Call) -> Response:
    account = _account(accounts, call)
    if call.query.get("recursive", "").lower() != "true":
        return PlainTextResponse("aliases\nemail\nidentity\nscopes\n", headers=_FLAVOR)
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    content = {"aliases": ["default"], "email": account.email, "scopes": scopes}
    return JSONResponse(content, headers=_FLAVOR)


async def _email(accounts: ServiceAccounts, call: Call) -> Response:
    return PlainTextResponse(_account(accounts, call).email, headers=_FLAVOR)


async def _identity(accounts: ServiceAccounts, call: Call) -> Response:
    account, audience = _account(accounts, call), call.query.get("audience")
    if not audience:
        raise AzureError(400, "BadRequest", "non-empty audience parameter required")
    form = call.query.get("format", "standard")
    if form not in ("standard", "full"):
        raise AzureError(400, "BadRequest", f"invalid format: {form}")
    token = accounts.identity_token(account, audience, full=form == "full")
    return PlainTextResponse(token, headers=_FLAVOR)


def _account(accounts: ServiceAccounts, call: Call) -> ServiceAccount:
    _check(accounts, call)
    account = accounts.find(call.params["account"])
    if account is None:
        raise AzureError(404, "NotFound", "service account not found")
    return account


def _check(accounts: ServiceAccounts, call: Call) -> None:
    """Only a process that sets the header, on a machine of Google's.

    :raises AzureError: 403 without the header, 404 elsewhere
    """
    if not accounts.exist:
        raise AzureError(404, "NotFound", "This machine is not one of Google's.")
    if call.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in call.headers:
        raise AzureError(403, "Forbidden", "Missing Metadata-Flavor:Google header.")


async def _document(call: Call) -> Response:
    return JSONResponse(configuration(ISSUER, KEYS))


async def _keys(accounts: ServiceAccounts, call: Call) -> Response:
    return JSONResponse(accounts.jwks())
