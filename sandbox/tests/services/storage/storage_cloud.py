# SPDX-License-Identifier: Apache-2.0
"""A lake with one principal per built-in storage role, and real SDK clients that reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azure.core.credentials import AccessToken

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.rbac import Permission, RoleAssignment, RoleDefinition
from azure_sandbox.testing import Sandbox

ACCOUNT, FLAT, KEYLESS = "lake", "flat", "keyless"
STORAGE = "https://storage.azure.com"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_DELEGATE = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"

#: Azure's built-in roles, as far as their storage actions go.
ROLES = {
    "reader": Permission((f"{_CONTAINERS}/read", _DELEGATE), (), (f"{_BLOBS}/read",), ()),
    "contributor": Permission(
        (f"{_CONTAINERS}/read", f"{_CONTAINERS}/write", f"{_CONTAINERS}/delete", _DELEGATE),
        (),
        tuple(f"{_BLOBS}/{verb}" for verb in ("read", "write", "delete", "move/action", "add/action")),
        (),
    ),
    "owner": Permission((f"{_CONTAINERS}/*", _DELEGATE), (), (f"{_BLOBS}/*",), ()),
    "adder": Permission((), (), (f"{_BLOBS}/add/action",), ()),
    "manager": Permission(("Microsoft.Storage/storageAccounts/*",), (), (), ()),
    "nobody": Permission(),
}


class Credential:
    """A TokenCredential of a seeded principal, sync and async."""

    def __init__(self, sandbox: Sandbox, principal: str) -> None:
        self._token = sandbox.token(principal, STORAGE)
        self._expires = int(sandbox.cloud.clock.time() + 3600)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._token, self._expires)


class AsyncCredential(Credential):
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> AsyncCredential:
        return self

    async def __aexit__(self, *problem: object) -> None:
        return None


@dataclass
class StorageCloud:
    """The sandbox under test."""

    sandbox: Sandbox

    def credential(self, principal: str = "owner") -> Credential:
        return Credential(self.sandbox, principal)

    def async_credential(self, principal: str = "owner") -> AsyncCredential:
        return AsyncCredential(self.sandbox, principal)

    @property
    def authority(self) -> str:
        """For aiohttp, which reads the environment's CA when it is first imported, not when used."""
        return self.sandbox.environment["SSL_CERT_FILE"]

    def send(self, method: str, url: str, principal: str | None = "owner", **options: Any) -> Any:
        """One raw request; ``url`` begins with ``dfs:/`` or ``blob:/``."""
        service, _, rest = url.partition(":")
        headers = {"x-ms-version": "2023-11-03", **options.pop("headers", {})}
        if principal:
            headers.update(self.sandbox.bearer(principal, STORAGE))
        account = options.pop("account", ACCOUNT)
        return self.sandbox.http.request(
            method, f"https://{account}.{service}.core.windows.net{rest}", headers=headers, **options
        )

    def object_id(self, principal: str) -> str:
        found = self.sandbox.cloud.port(Directory).object_id_by_name(principal)
        assert found is not None
        return found


def seed() -> dict[str, Any]:
    return {
        "resource_groups": [{"name": "rg"}],
        "applications": [{"name": name} for name in ROLES],
        "storage_accounts": [
            {"name": ACCOUNT, "resource_group": "rg", "containers": ["data"]},
            {"name": FLAT, "resource_group": "rg", "hns": False, "containers": ["data"]},
            {"name": KEYLESS, "resource_group": "rg", "shared_key": False, "containers": ["data"]},
        ],
    }


def grant(sandbox: Sandbox, role: str, principal: str, scope: str) -> None:
    rbac = sandbox.cloud.rbac
    guid = stable_guid("test-role", role)
    rbac.define(RoleDefinition(guid, role, (ROLES[role],)))
    object_id = sandbox.cloud.port(Directory).object_id_by_name(principal)
    assert object_id is not None
    name = stable_guid("test-assignment", role, principal, scope)
    rbac.assign(RoleAssignment(name, scope, guid, object_id))
