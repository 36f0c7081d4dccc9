# SPDX-License-Identifier: Apache-2.0
"""Whether the data that a job will read is there, as far as the submitter may see, before it is submitted.

One list of at most one blob answers for a file and for a folder, on accounts with and without real
directories. A submitter seldom may read the lake, by design: a refusal then says nothing, and neither
does silence (a worker often has no route to a private lake). Only a certain "no" counts.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest.flow import (
    STORAGE_SCOPE,
    STORAGE_VERSION,
    Flow,
    Request,
    expect,
    parse_error,
)
from airflow_provider_azureml.rest.workspace import Workspace

_DATASTORE = re.compile(
    r"azureml://(?P<workspace>subscriptions/[^/]+/resourcegroups/[^/]+(?:/providers/[^/]+)?/workspaces/[^/]+/)?"
    r"datastores/(?P<store>[^/]+)/paths/(?P<path>.+)",
    re.IGNORECASE,
)
_STORAGE = (
    re.compile(
        r"(?:abfss|wasbs)://(?P<container>[^@/]+)@(?P<account>[^./]+)\.(?:dfs|blob)\.(?P<suffix>[^/]+)/(?P<path>.+)"
    ),
    re.compile(
        r"https://(?P<account>[^./]+)\.(?:dfs|blob)\.(?P<suffix>[^/?]+)/(?P<container>[^/?]+)/(?P<path>[^?]+)"
    ),
)
_PATTERN = frozenset("*[{$")


@dataclass(frozen=True)
class Place:
    """A path in a container of a storage account."""

    account: str
    container: str
    path: str


def absent(workspace: Workspace, uri: str) -> Flow[str]:
    """Say why the data at a URI is certainly not there; empty when it is, or when nobody can tell."""
    try:
        return (yield from _absent(workspace, uri))
    except ServiceError:
        return ""


def _absent(workspace: Workspace, uri: str) -> Flow[str]:
    place, store = _in_storage(workspace, uri), _DATASTORE.fullmatch(uri)
    if store is not None and _is_of(workspace, store["workspace"]):
        answer = yield workspace.request("GET", f"/datastores/{quote(store['store'])}")
        if answer.status == 404:
            return f"its datastore was not found ({parse_error(answer)[1]})."
        place = _in_datastore(expect(answer, 200).json()["properties"], store["path"])
    if place is None or _PATTERN & set(place.path):
        return ""
    answer = yield _listing(workspace, place)
    if answer.status == 404 and parse_error(answer)[0] == "ContainerNotFound":
        return f"account '{place.account}' has no container '{place.container}'."
    if _is_empty(expect(answer, 200).body):
        return f"there is nothing at '{place.path}' in container '{place.container}' of '{place.account}'."
    return ""


def _is_of(workspace: Workspace, prefix: str | None) -> bool:
    """Whether a long URI names this workspace; another one is not ours to ask."""
    return prefix is None or _plain(prefix) == _plain(workspace.path)


def _plain(path: str) -> str:
    return path.lower().replace("/providers/microsoft.machinelearningservices", "").strip("/")


def _in_storage(workspace: Workspace, uri: str) -> Place | None:
    found = next((match for form in _STORAGE if (match := form.fullmatch(uri))), None)
    if found is None or found["suffix"] != workspace.cloud.storage_suffix:
        return None
    return Place(found["account"], found["container"], unquote(found["path"]))


def _in_datastore(properties: Mapping[str, Any], path: str) -> Place | None:
    """Blob and Data Lake Gen2 datastores; a share or a lakehouse is not looked into."""
    account = properties.get("accountName")
    container = properties.get("containerName") or properties.get("filesystem")
    return Place(str(account), str(container), path) if account and container else None


def _listing(workspace: Workspace, place: Place) -> Request:
    host = f"https://{place.account}.blob.{workspace.cloud.storage_suffix}"
    prefix = quote(place.path.rstrip("/"), safe="")
    return Request(
        "GET",
        f"{host}/{quote(place.container)}?restype=container&comp=list&maxresults=1&prefix={prefix}",
        scope=STORAGE_SCOPE,
        headers={"x-ms-version": STORAGE_VERSION},
    )


def _is_empty(listing: bytes) -> bool:
    """Whether a list has neither an entry nor a next page (Azure may answer with an empty first page)."""
    try:
        # Only element names are read; the parser resolves no external entity.
        root = ElementTree.fromstring(listing.lstrip(b"\xef\xbb\xbf"))
    except ElementTree.ParseError:
        return False
    return root.find("Blobs/*") is None and not root.findtext("NextMarker")
