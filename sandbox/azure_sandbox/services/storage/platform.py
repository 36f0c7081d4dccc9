# SPDX-License-Identifier: Apache-2.0
"""The platform's own hand in storage: the ``Lake`` port, for services that act without a caller."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from azure_sandbox.kernel.clock import iso_z
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.network import ENABLED
from azure_sandbox.services.storage import growth, signatures
from azure_sandbox.services.storage.access import PLATFORM, groups_of
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.names import path_name
from azure_sandbox.services.storage.posix import Permissions, Principal
from azure_sandbox.services.storage.records import (
    APPEND_BLOB,
    BLOCK_BLOB,
    Account,
    Container,
    Entry,
    Settings,
)
from azure_sandbox.services.storage.refusals import DEFAULT_VERSION


class PlatformLake:
    """Implements :class:`azure_sandbox.kernel.ports.Lake`.

    Methods raise KeyError for an account, and AzureError for a container, that does not exist.
    """

    def __init__(self, cloud: Cloud, lake: Lake) -> None:
        self._cloud = cloud
        self._lake = lake

    def account_scope(self, account: str) -> str | None:
        found = self._lake.catalog.account(account)
        return found.resource_id if found else None

    def account_key(self, account: str) -> str:
        return self._account(account).keys[0]

    def sas_of(self, account: str, container: str, key: str, permissions: str) -> str:
        owner = self._account(account)
        query = self._terms("c", permissions, 1.0)
        text = signatures.service_sas_text(f"/blob/{owner.name}/{container}", query)
        return urlencode({**query, "sig": signatures.sign(key, text)})

    def is_private(self, account: str) -> bool:
        owner = self._account(account)
        return owner.public_access != ENABLED or bool(owner.rules["virtualNetworkRules"])

    def hides(self, account: str, container: str, path: str, object_id: str) -> bool:
        where = self._lake.catalog.container(account, container)
        if where is None or not where.account.hns:
            return False
        who = Principal(object_id, groups_of(self._cloud, object_id))
        return Permissions(self._lake, where).hide(who, path_name(where.account, path))

    def ensure_container(self, account: str, container: str) -> None:
        owner = self._account(account)
        if self._lake.catalog.container(owner.name, container) is None:
            self._lake.create_container(owner, container, {})

    def write(self, account: str, container: str, path: str, content: bytes) -> None:
        self._put(self._container(account, container), path, content, BLOCK_BLOB)

    def append(self, account: str, container: str, path: str, content: bytes) -> None:
        where = self._container(account, container)
        entry = self._lake.find(where, path_name(where.account, path))
        if entry is None:
            entry = self._put(where, path, b"", APPEND_BLOB)
        growth.extend(self._lake, where, entry, content)

    def _put(self, where: Container, path: str, content: bytes, kind: str) -> Entry:
        data = self._lake.disk.new() if content else ""
        if data:
            self._lake.disk.write(data, content)
        settings = Settings(headers={"content-type": "application/octet-stream"})
        fresh = Entry(path, False, len(content), "", 0, 0, data, kind, settings)
        return self._lake.replace_file(where, path_name(where.account, path), fresh)

    def read(self, account: str, container: str, path: str) -> bytes | None:
        where = self._container(account, container)
        entry = self._lake.find(where, path_name(where.account, path))
        if entry is None or entry.directory:
            return None
        return self._lake.disk.read(entry.data, 0, entry.size)

    def list(self, account: str, container: str, prefix: str) -> list[str]:
        where = self._container(account, container)
        found = self._lake.catalog.scan(where.id, prefix, "", -1)
        return [entry.path for entry in found if not entry.directory]

    def sas_url(
        self, account: str, container: str, path: str = "", *, permissions: str = "r", hours: float = 1.0
    ) -> str:
        """Signed with the account's key where keys may be used, else by delegation to the platform."""
        owner = self._account(account)
        query = self._terms("b" if path else "c", permissions, hours)
        resource = f"{container}/{path}" if path else container
        canonical = f"/blob/{owner.name}/{resource}"
        query = self._signed(owner, canonical, query)
        return f"https://{owner.host('blob')}/{quote(resource)}?{urlencode(query)}"

    def _terms(self, resource: str, permissions: str, hours: float) -> dict[str, str]:
        """All of a SAS but its signature."""
        now = self._cloud.clock.time()
        return {
            "sv": DEFAULT_VERSION,
            "st": iso_z(now - 300),
            "se": iso_z(now + hours * 3600),
            "sr": resource,
            "sp": permissions,
            "spr": "https",
        }

    def _signed(self, owner: Account, canonical: str, query: dict[str, str]) -> dict[str, str]:
        if owner.shared_key:
            text = signatures.service_sas_text(canonical, query)
            return {**query, "sig": signatures.sign(owner.keys[0], text)}
        delegated = {
            **query,
            "skoid": PLATFORM,
            "sktid": self._cloud.tenant_id,
            "skt": query["st"],
            "ske": query["se"],
            "sks": "b",
            "skv": query["sv"],
        }
        key = signatures.delegation_key(owner.delegation_seal, delegated)
        return {
            **delegated,
            "sig": signatures.sign(key, signatures.delegation_sas_text(canonical, delegated)),
        }

    def _account(self, name: str) -> Account:
        found = self._lake.catalog.account(name)
        if found is None:
            raise KeyError(name)
        return found

    def _container(self, account: str, name: str) -> Container:
        return self._lake.container(self._account(account), name)
