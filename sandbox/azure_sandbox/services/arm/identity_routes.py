# SPDX-License-Identifier: Apache-2.0
"""Microsoft.ManagedIdentity/userAssignedIdentities and their federated credentials on the wire.

Source: https://learn.microsoft.com/rest/api/managedidentity (api-version 2023-01-31).
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError, bad_request, not_found
from azure_sandbox.kernel.identity import FederatedCredential, Identity, federation_conflict
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.arm import records
from azure_sandbox.services.arm.records import UAMI
from azure_sandbox.services.arm.routes import need, tags_of
from azure_sandbox.services.arm.service import ResourceManager

_ALL = f"/subscriptions/{{subscription}}/providers/{UAMI}"
_GROUP = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{UAMI}"
_ONE = _GROUP + "/{name}"
_CREDENTIALS = _ONE + "/federatedIdentityCredentials"
_CREDENTIAL = _CREDENTIALS + "/{credential}"
_CREDENTIAL_ACTION = f"{UAMI}/federatedIdentityCredentials"

_Handler = Callable[[ResourceManager, Call], Awaitable[Response]]


def identity_operations(manager: ResourceManager) -> list[Operation]:
    routes: list[tuple[str, str, _Handler, str]] = [
        ("GET", _ALL, _list, f"{UAMI}/read"),
        ("GET", _GROUP, _list, f"{UAMI}/read"),
        ("GET", _ONE, _get, f"{UAMI}/read"),
        ("PUT", _ONE, _put, f"{UAMI}/write"),
        ("DELETE", _ONE, _delete, f"{UAMI}/delete"),
        ("GET", _CREDENTIALS, _list_credentials, f"{_CREDENTIAL_ACTION}/read"),
        ("GET", _CREDENTIAL, _get_credential, f"{_CREDENTIAL_ACTION}/read"),
        ("PUT", _CREDENTIAL, _put_credential, f"{_CREDENTIAL_ACTION}/write"),
        ("DELETE", _CREDENTIAL, _delete_credential, f"{_CREDENTIAL_ACTION}/delete"),
    ]
    return [
        Operation(MANAGEMENT, method, path, partial(handler, manager), partial(need, manager, action))
        for method, path, handler, action in routes
    ]


async def _list(manager: ResourceManager, call: Call) -> Response:
    group = call.params.get("group")
    if group is not None:
        manager.check_group(group)
    return JSONResponse({"value": [_rendered(manager, entry) for entry in manager.identities(group)]})


async def _get(manager: ResourceManager, call: Call) -> Response:
    return JSONResponse(_rendered(manager, _identity(manager, call)))


async def _put(manager: ResourceManager, call: Call) -> Response:
    group, name, body = call.params["group"], call.params["name"], await call.json()
    manager.check_group(group)
    manager.check_identity_name(name)
    location, tags = body.get("location"), tags_of(body)
    if not isinstance(location, str) or not location:
        raise bad_request("LocationRequired", "The location property is required for this definition.")
    resource_id = manager.identity_id(group, name)
    new = manager.directory.managed_identity(resource_id) is None
    if new and manager.registry.identity_by_name(name) is not None:
        raise AzureError(
            409, "Conflict", f"In this sandbox the name '{name}' is taken by another application or identity."
        )
    manager.directory.create_managed_identity(resource_id)
    identity = replace(manager.identity(group, name), tags=tags, location=location)
    manager.registry.save(identity)
    return JSONResponse(_rendered(manager, identity), 201 if new else 200)


async def _delete(manager: ResourceManager, call: Call) -> Response:
    resource_id = manager.identity_id(call.params["group"], call.params["name"])
    existed = manager.directory.managed_identity(resource_id) is not None
    manager.directory.delete_managed_identity(resource_id)
    return Response(status_code=200 if existed else 204)


async def _list_credentials(manager: ResourceManager, call: Call) -> Response:
    identity = _identity(manager, call)
    return JSONResponse({"value": [records.federated_credential(identity, c) for c in identity.federated]})


async def _get_credential(manager: ResourceManager, call: Call) -> Response:
    identity, name = _identity(manager, call), call.params["credential"]
    credential = _held(identity, name)
    if credential is None:
        raise not_found("NotFound", f"The federated identity credential '{name}' was not found.")
    return JSONResponse(records.federated_credential(identity, credential))


async def _put_credential(manager: ResourceManager, call: Call) -> Response:
    identity, name = _identity(manager, call), call.params["credential"]
    manager.check_identity_name(name)
    held = _held(identity, name)
    credential = _credential(held.id if held else str(uuid.uuid4()), name, await call.json())
    lag = call.cloud.lags.settings.federated_credential
    since = (held.usable_from, held.lag) if held else (call.cloud.clock.time() + lag, lag)
    credential = replace(credential, usable_from=since[0], lag=since[1])
    conflict = federation_conflict(identity, credential)
    if conflict == "limit":
        raise bad_request("BadRequest", "Too many Federated Identity Credentials: the maximum is 20.")
    if conflict == "duplicate":
        raise AzureError(
            409, "Conflict", "Issuer and subject combination already exists for this Managed Identity."
        )
    kept = tuple(c for c in identity.federated if c.id != credential.id)
    manager.registry.save(replace(identity, federated=(*kept, credential)))
    return JSONResponse(records.federated_credential(identity, credential), 200 if held else 201)


async def _delete_credential(manager: ResourceManager, call: Call) -> Response:
    identity = _identity(manager, call)
    held = _held(identity, call.params["credential"])
    if held is None:
        return Response(status_code=204)
    kept = tuple(c for c in identity.federated if c.id != held.id)
    manager.registry.save(replace(identity, federated=kept))
    return Response(status_code=200)


def _identity(manager: ResourceManager, call: Call) -> Identity:
    manager.check_group(call.params["group"])
    return manager.identity(call.params["group"], call.params["name"])


def _held(identity: Identity, name: str) -> FederatedCredential | None:
    return next((c for c in identity.federated if c.name.lower() == name.lower()), None)


def _credential(identifier: str, name: str, body: dict[str, Any]) -> FederatedCredential:
    properties = body.get("properties")
    given = properties if isinstance(properties, dict) else {}
    issuer, subject, audiences = (given.get(key) for key in ("issuer", "subject", "audiences"))
    if not isinstance(issuer, str) or not issuer.startswith("https://"):
        raise bad_request("BadRequest", "Federated Identity Credential 'issuer' must be an https URL.")
    if not isinstance(subject, str) or not subject:
        raise bad_request("BadRequest", "Federated Identity Credential 'subject' is required.")
    if not isinstance(audiences, list) or len(audiences) != 1 or not isinstance(audiences[0], str):
        raise bad_request("BadRequest", "Federated Identity Credential needs exactly one audience.")
    return FederatedCredential(identifier, name, issuer, subject, (audiences[0],))


def _rendered(manager: ResourceManager, identity: Identity) -> dict[str, Any]:
    return records.managed_identity(identity, manager.cloud.tenant_id)
