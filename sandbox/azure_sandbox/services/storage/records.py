# SPDX-License-Identifier: Apache-2.0
"""What the lake holds: accounts, containers, and paths (files, blobs and directories are one thing)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from azure_sandbox.kernel.network import ENABLED, open_rules

BLOCK_BLOB = "BlockBlob"
APPEND_BLOB = "AppendBlob"
SUPERUSER = "$superuser"

#: Permissions of a new path under the documented default umask 027.
FILE_PERMISSIONS = "rw-r-----"
DIRECTORY_PERMISSIONS = "rwxr-x---"


@dataclass(frozen=True)
class Account:
    """A storage account. ``keys`` are base64, as listKeys shows them.

    :param hns: hierarchical namespace: directories are real and renames are atomic
    :param shared_key: whether requests may be signed with the account's keys
    :param suffix: what the host names of the cloud's accounts end with
    :param key_times: when each key was made; empty where they are as old as the account
    :param seal: what user delegation keys are derived from; empty where that is ``key1``
    :param public_access: ``publicNetworkAccess``
    :param rules: ``networkAcls``
    """

    name: str
    resource_id: str
    location: str
    hns: bool
    shared_key: bool
    keys: tuple[str, str]
    created: float
    suffix: str = "core.windows.net"
    key_times: tuple[float, ...] = ()
    seal: str = field(default="", repr=False)
    public_access: str = ENABLED
    rules: dict[str, Any] = field(default_factory=open_rules)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def delegation_seal(self) -> str:
        return self.seal or self.keys[0]

    def host(self, service: str) -> str:
        return f"{self.name}.{service}.{self.suffix}"


@dataclass(frozen=True)
class Container:
    """A container, which DFS calls a filesystem. ``scope`` is its ARM id."""

    id: int
    account: Account
    name: str
    etag: str
    modified: float
    metadata: dict[str, str]
    scope: str


@dataclass(frozen=True)
class Settings:
    """All of a path that is not needed to find it: kept as one JSON column.

    :param headers: content settings by lower-case response header name
    :param acl: full ACL text; empty where only ``permissions`` apply
    :param blocks: committed block ids with their lengths in bytes, in order
    """

    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    owner: str = SUPERUSER
    group: str = SUPERUSER
    permissions: str = FILE_PERMISSIONS
    acl: str = ""
    blocks: list[tuple[str, int]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def acl_text(self) -> str:
        """As ``x-ms-acl`` shows it; without named entries it follows from the permissions."""
        if self.acl:
            return self.acl
        bits = self.permissions.rstrip("+").replace("t", "x").replace("T", "-")
        return f"user::{bits[0:3]},group::{bits[3:6]},other::{bits[6:9]}"


@dataclass(frozen=True)
class Entry:
    """A file or directory. ``etag`` is without quotes; ``data`` names the file on disk, if any."""

    path: str
    directory: bool
    size: int
    etag: str
    created: float
    modified: float
    data: str
    kind: str
    settings: Settings

    def with_settings(self, **changes: Any) -> Entry:
        return replace(self, settings=replace(self.settings, **changes))


def parent_of(path: str) -> str:
    """The directory that holds a path; ``""`` is the root."""
    return path.rpartition("/")[0]


def ancestors(path: str) -> list[str]:
    """Every directory above a path, outermost first, without the root."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
