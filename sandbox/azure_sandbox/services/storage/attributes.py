# SPDX-License-Identifier: Apache-2.0
"""What conditions of role assignments may ask of a storage request, found out when one does.

Source: "Actions and attributes for Azure role assignment conditions for Azure Blob Storage"
(storage-auth-abac-attributes.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from azure_sandbox.kernel.condition_attributes import (
    ACCOUNT,
    BLOBS,
    CONTAINERS,
    REQUEST,
    RESOURCE,
    key,
    tag_key,
    tag_keys,
)
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.storage.documents import tags_of
from azure_sandbox.services.storage.records import Account

Tags = dict[str, str]


class StorageAttributes(Mapping[str, object]):
    """The attributes of one request.

    :param container: empty where the account itself is asked
    :param path: empty where a container is asked, or its root
    :param tags: finds the index tags of the blob
    :param listing: whether blobs are listed
    """

    def __init__(
        self,
        call: Call,
        account: Account,
        container: str,
        path: str,
        tags: Callable[[], Tags],
        listing: bool,
    ) -> None:
        self._call = call
        self._account = account
        self._container = container
        self._path = path
        self._tags = tags
        self._listing = listing
        self._found: dict[str, object] | None = None

    def __getitem__(self, name: str) -> object:
        if self._found is None:
            self._found = self._find()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found if self._found is not None else self._find())

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _find(self) -> dict[str, object]:
        found: dict[str, object] = {
            _ACCOUNT: self._account.name,
            _HNS: self._account.hns,
            **_tagged(REQUEST, self._new_tags()),
        }
        if self._container:
            found[_CONTAINER] = self._container
        if self._path:
            found |= {_PATH: self._path, _CURRENT: True, **_tagged(RESOURCE, self._tags())}
        if self._listing:
            found[_PREFIX] = self._prefix()
        for name, parameter in ((_SNAPSHOT, "snapshot"), (_VERSION, "versionid")):
            if self._call.query.get(parameter):
                found[name] = self._call.query[parameter]
        return found

    def _prefix(self) -> str:
        """What the blobs that are listed begin with; the DFS endpoint names their directory."""
        directory = self._call.query.get("directory", "").strip("/")
        return f"{directory}/" if directory else self._call.query.get("prefix", "")

    def _new_tags(self) -> Tags:
        if self._call.content is not None:
            return _tags_of(self._call.content)
        return dict(parse_qsl(self._call.headers.get("x-ms-tags", ""), keep_blank_values=True))


def _tagged(source: str, tags: Tags) -> dict[str, object]:
    if not tags:
        return {}
    return {tag_keys(source): tuple(tags), **{tag_key(source, name): value for name, value in tags.items()}}


def _tags_of(body: bytes) -> Tags:
    """The tags of a Set Blob Tags body; none where it is no such document, which its handler refuses."""
    try:
        return tags_of(body)
    except AzureError:
        return {}


_ACCOUNT = key(RESOURCE, f"{ACCOUNT}:name")
_HNS = key(RESOURCE, f"{ACCOUNT}:isHnsEnabled")
_CONTAINER = key(RESOURCE, f"{CONTAINERS}:name")
_PATH = key(RESOURCE, f"{BLOBS}:path")
_CURRENT = key(RESOURCE, f"{BLOBS}:isCurrentVersion")
_PREFIX = key(REQUEST, f"{BLOBS}:prefix")
_SNAPSHOT = key(REQUEST, f"{BLOBS}:snapshot")
_VERSION = key(REQUEST, f"{BLOBS}:versionId")
