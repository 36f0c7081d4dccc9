# SPDX-License-Identifier: Apache-2.0
"""``https://{vault}.vault.azure.net`` on the wire: secrets, their versions, and the deleted ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import hours
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.keyvault.records import Secret, Version
from azure_sandbox.services.keyvault.service import KeyVault, bad_parameter, check_name
from azure_sandbox.services.keyvault.surface import VaultNeed, surface

_ACTIONS = "Microsoft.KeyVault/vaults/secrets"
#: Days that a deleted secret can be recovered.
_RECOVERABLE_DAYS = 90
_PAGE = 25

_Handler = Callable[[KeyVault, Call], Awaitable[Response]]


def operations(cloud: Cloud, vaults: KeyVault) -> list[Operation]:
    of_vaults = surface(cloud, vaults)
    return [
        Operation(
            of_vaults, method, path, partial(handler, vaults), partial(_need, vaults, action, permission)
        )
        for method, path, handler, action, permission in _ROUTES
    ]


def _need(vaults: KeyVault, action: str, permission: str, call: Call) -> VaultNeed:
    """The data action, on the vault or, where one is named, on the secret."""
    vault = vaults.vault(call.params["vault"])
    scope = vaults.scope(vault)
    name = call.params.get("name")
    if name is not None:
        check_name(name)
        scope = f"{scope}/secrets/{name}"
    return VaultNeed(f"{_ACTIONS}/{action}", scope, data=True, vault=vault, permission=permission)


async def _set(vaults: KeyVault, call: Call) -> Response:
    secret, version = vaults.set(*_address(call), await call.json())
    return JSONResponse(_bundle(call, secret, version, value=True))


async def _get(vaults: KeyVault, call: Call) -> Response:
    secret, version = vaults.get(*_address(call), call.params.get("version", ""))
    return JSONResponse(_bundle(call, secret, version, value=True))


async def _update(vaults: KeyVault, call: Call) -> Response:
    secret, version = vaults.update(*_address(call), call.params.get("version", ""), await call.json())
    return JSONResponse(_bundle(call, secret, version, value=False))


async def _list(vaults: KeyVault, call: Call) -> Response:
    return _page(call, [_item(call, secret) for secret in vaults.listed(call.params["vault"])])


async def _list_versions(vaults: KeyVault, call: Call) -> Response:
    secret, _ = vaults.find(*_address(call), "")
    return _page(call, [_bundle(call, secret, version, value=False) for version in secret.versions])


async def _delete(vaults: KeyVault, call: Call) -> Response:
    return JSONResponse(_deleted_bundle(call, vaults.delete(*_address(call))))


async def _list_deleted(vaults: KeyVault, call: Call) -> Response:
    deleted = vaults.deleted(call.params["vault"])
    return _page(call, [{**_item(call, secret), **_deletion(call, secret)} for secret in deleted])


async def _get_deleted(vaults: KeyVault, call: Call) -> Response:
    return JSONResponse(_deleted_bundle(call, vaults.find_deleted(*_address(call))))


async def _recover(vaults: KeyVault, call: Call) -> Response:
    secret = vaults.recover(*_address(call))
    return JSONResponse(_bundle(call, secret, secret.latest, value=False))


async def _purge(vaults: KeyVault, call: Call) -> Response:
    vaults.purge(*_address(call))
    return Response(status_code=204)


#: Method, path, handler, data action, and the permission that stands for it in an access policy.
# The SDK writes "/secrets/{name}/" for the latest version: an empty last segment.
_ROUTES: list[tuple[str, str, _Handler, str, str]] = [
    ("GET", "/secrets", _list, "readMetadata/action", "list"),
    ("GET", "/secrets/", _list, "readMetadata/action", "list"),
    ("PUT", "/secrets/{name}", _set, "setSecret/action", "set"),
    ("PUT", "/secrets/{name}/", _set, "setSecret/action", "set"),
    ("GET", "/secrets/{name}", _get, "getSecret/action", "get"),
    ("GET", "/secrets/{name}/", _get, "getSecret/action", "get"),
    ("GET", "/secrets/{name}/versions", _list_versions, "readMetadata/action", "list"),
    ("GET", "/secrets/{name}/{version}", _get, "getSecret/action", "get"),
    ("PATCH", "/secrets/{name}", _update, "update/action", "set"),
    ("PATCH", "/secrets/{name}/", _update, "update/action", "set"),
    ("PATCH", "/secrets/{name}/{version}", _update, "update/action", "set"),
    ("DELETE", "/secrets/{name}", _delete, "delete", "delete"),
    ("GET", "/deletedsecrets", _list_deleted, "readMetadata/action", "list"),
    ("GET", "/deletedsecrets/{name}", _get_deleted, "readMetadata/action", "get"),
    ("POST", "/deletedsecrets/{name}/recover", _recover, "recover/action", "recover"),
    ("DELETE", "/deletedsecrets/{name}", _purge, "purge/action", "purge"),
]


def _address(call: Call) -> tuple[str, str]:
    return call.params["vault"].lower(), call.params["name"]


def _url(call: Call, secret: Secret, collection: str = "secrets") -> str:
    return f"https://{secret.vault}.{call.cloud.azure.vault}/{collection}/{secret.name}"


def _bundle(call: Call, secret: Secret, version: Version, *, value: bool) -> dict[str, Any]:
    bundle: dict[str, Any] = {"value": version.value} if value else {}
    if version.content_type is not None:
        bundle["contentType"] = version.content_type
    bundle["id"] = f"{_url(call, secret)}/{version.id}"
    bundle["attributes"] = _attributes(version)
    bundle["tags"] = version.tags
    return bundle


def _attributes(version: Version) -> dict[str, Any]:
    attributes: dict[str, Any] = {"enabled": version.enabled}
    if version.not_before is not None:
        attributes["nbf"] = version.not_before
    if version.expires is not None:
        attributes["exp"] = version.expires
    return {
        **attributes,
        "created": int(version.created),
        "updated": int(version.updated),
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": _RECOVERABLE_DAYS,
    }


def _item(call: Call, secret: Secret) -> dict[str, Any]:
    """In a list of secrets each stands for its latest version, without value and version."""
    return {**_bundle(call, secret, secret.latest, value=False), "id": _url(call, secret)}


def _deleted_bundle(call: Call, secret: Secret) -> dict[str, Any]:
    return {**_bundle(call, secret, secret.latest, value=False), **_deletion(call, secret)}


def _deletion(call: Call, secret: Secret) -> dict[str, Any]:
    deleted = secret.deleted or 0.0
    return {
        "recoveryId": _url(call, secret, "deletedsecrets"),
        "deletedDate": int(deleted),
        "scheduledPurgeDate": int(deleted + hours(24 * _RECOVERABLE_DAYS)),
    }


def _page(call: Call, items: list[dict[str, Any]]) -> Response:
    """``maxresults`` (1 to 25) items from ``$skiptoken`` on, and where the rest is."""
    size, start = _number(call, "maxresults", _PAGE), _number(call, "$skiptoken", 0)
    if not 1 <= size <= _PAGE:
        raise bad_parameter("The value of maxresults must be between 1 and 25.")
    following = None
    if start + size < len(items):
        query = urlencode({**call.query, "$skiptoken": start + size})
        following = f"https://{call.params['vault']}.{call.cloud.azure.vault}{call.path}?{query}"
    return JSONResponse({"value": items[start : start + size], "nextLink": following})


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad_parameter(f"The parameter '{name}' is invalid.")
    return int(text)
