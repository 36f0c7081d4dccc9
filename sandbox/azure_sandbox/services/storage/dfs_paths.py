# SPDX-License-Identifier: Apache-2.0
"""The DFS endpoint's reads: properties, access control, content, listings."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.services.storage import access, listing
from azure_sandbox.services.storage.access import Access
from azure_sandbox.services.storage.conditions import check_read
from azure_sandbox.services.storage.content import DEFAULT_TYPE, entry_headers, send
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.names import path_name
from azure_sandbox.services.storage.properties import render_properties
from azure_sandbox.services.storage.records import DIRECTORY_PERMISSIONS, Container, Entry, Settings
from azure_sandbox.services.storage.refusals import bad_query, refuse

#: 100 ns ticks between 1601 and 1970: creation times are Windows file times.
_FILETIME_EPOCH = 116_444_736_000_000_000


async def get_status(target: Target) -> Response:
    """System properties only."""
    entry = _checked(target)
    return target.answer(200, {**system_headers(entry), "Content-Length": str(entry.size)})


async def get_properties(target: Target) -> Response:
    entry = _checked(target)
    headers = {**file_headers(entry), "Content-Length": str(entry.size)}
    headers["x-ms-properties"] = render_properties(entry.settings.metadata)
    return target.answer(200, headers)


async def get_access_control(target: Target) -> Response:
    if not target.account.hns:
        raise refuse("HierarchicalNamespaceNotEnabled")
    entry = _checked(target)
    return target.answer(200, {**system_headers(entry), "x-ms-acl": entry.settings.acl_text()})


def check_access_need(target: Target) -> Access:
    return access.CHECK_WRITE if "w" in target.query("fsAction") else access.CHECK


async def check_access(target: Target) -> Response:
    """Roles and ACLs were asked before we came here; what is left is whether there is such a path."""
    if not target.query("fsAction"):
        raise refuse("MissingRequiredQueryParameter", QueryParameterName="fsAction")
    return target.answer(200, entry_headers(target.lake.entry(target.container, target.path)))


async def read(target: Target) -> Response:
    entry = target.lake.file(target.container, target.path)
    return send(target, entry, file_headers(entry))


def _checked(target: Target) -> Entry:
    entry = target.lake.entry(target.container, target.path)
    check_read(target.call.headers, entry)
    return entry


def system_headers(entry: Entry) -> dict[str, str]:
    return {
        **entry_headers(entry),
        "x-ms-resource-type": "directory" if entry.directory else "file",
        "x-ms-owner": entry.settings.owner,
        "x-ms-group": entry.settings.group,
        "x-ms-permissions": entry.settings.permissions,
    }


def file_headers(entry: Entry) -> dict[str, str]:
    """All that is known of a path, content settings included."""
    return {
        **system_headers(entry),
        "content-type": DEFAULT_TYPE,
        "Accept-Ranges": "bytes",
        "x-ms-creation-time": http_date(entry.created),
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-server-encrypted": "true",
        **entry.settings.headers,
    }


async def list_paths(target: Target) -> Response:
    container = target.container
    if target.query("recursive").lower() not in ("true", "false"):
        raise (
            bad_query("recursive", target.query("recursive"))
            if target.query("recursive")
            else refuse("MissingRequiredQueryParameter", QueryParameterName="recursive")
        )
    directory = path_name(target.account, target.query("directory"))
    if directory:
        entry = target.lake.entry(container, directory)
        if not entry.directory:
            return _answer(target, listing.Page([entry], ""), container)
    return _answer(target, _page(target, container, directory), container)


def _page(target: Target, container: Container, directory: str) -> listing.Page:
    limit = target.number("maxResults", listing.LARGEST_PAGE)
    if not limit:
        raise refuse("OutOfRangeQueryParameterValue", QueryParameterName="maxResults")
    limit = min(limit, listing.LARGEST_PAGE)
    after = listing.decode_token("continuation", target.query("continuation"))
    prefix = f"{directory}/" if directory else ""
    catalog = target.lake.catalog
    if target.flag("recursive"):
        return listing.flat(catalog, container, prefix, after, limit)
    if target.account.hns:
        return listing.children(catalog, container, prefix, after, limit)
    return listing.by_delimiter(catalog, container, prefix, "/", after, limit)


def _answer(target: Target, page: listing.Page, container: Container) -> Response:
    headers = {"ETag": f'"{container.etag}"', "Last-Modified": http_date(container.modified)}
    if page.next:
        headers["x-ms-continuation"] = listing.encode_token(page.next)
    paths = [_shown(item if isinstance(item, Entry) else _virtual(item, container)) for item in page.items]
    return target.answer(200, headers, json.dumps({"paths": paths}), "application/json;charset=utf-8")


def _virtual(prefix: str, container: Container) -> Entry:
    """A directory of a flat account: there because something is below it."""
    settings = Settings(permissions=DIRECTORY_PERMISSIONS)
    moment = container.modified
    return Entry(prefix.rstrip("/"), True, 0, container.etag, moment, moment, "", "", settings)


def _shown(entry: Entry) -> dict[str, Any]:
    shown = {
        "name": entry.path,
        "contentLength": str(entry.size),
        "etag": entry.etag,
        "lastModified": http_date(entry.modified),
        "creationTime": str(int(entry.created * 10_000_000) + _FILETIME_EPOCH),
        "owner": entry.settings.owner,
        "group": entry.settings.group,
        "permissions": entry.settings.permissions,
    }
    return {**shown, "isDirectory": "true"} if entry.directory else shown
