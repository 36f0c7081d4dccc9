# SPDX-License-Identifier: Apache-2.0
"""The DFS endpoint, ``{account}.dfs.core.windows.net``: filesystems, and the table of all its verbs.

Source: the Data Lake Storage Gen2 REST reference, and what hadoop-azure and the SDKs send.
"""

from __future__ import annotations

import json

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.kernel.operation import Operation, Surface
from azure_sandbox.services.storage import access, dfs_paths, dfs_write
from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.dispatch import (
    CONTAINER,
    PATH,
    SERVICE,
    Table,
    Target,
    append_access,
    create_access,
    permissions_access,
)
from azure_sandbox.services.storage.lake import Lake
from azure_sandbox.services.storage.listing import LARGEST_PAGE, decode_token, encode_token
from azure_sandbox.services.storage.properties import parse_properties, render_properties
from azure_sandbox.services.storage.records import Container


def operations(lake: Lake, surface: Surface) -> list[Operation]:
    table = Table(lake, _discriminate)
    table.add(SERVICE, "GET", "account", list_filesystems, access.CONTAINERS_LIST)
    table.add(CONTAINER, "PUT", "filesystem", create_filesystem, access.CONTAINER_WRITE)
    table.add(CONTAINER, "HEAD", "filesystem", filesystem_properties, access.CONTAINER_READ)
    table.add(CONTAINER, "PATCH", "filesystem", set_filesystem_properties, access.CONTAINER_WRITE)
    table.add(CONTAINER, "DELETE", "filesystem", delete_filesystem, access.CONTAINER_DELETE)
    table.add(CONTAINER, "GET", "filesystem", dfs_paths.list_paths, access.LIST)
    for level in (CONTAINER, PATH):
        table.add(level, "HEAD", "getaccesscontrol", dfs_paths.get_access_control, access.STATUS)
        table.add(level, "HEAD", "getstatus", dfs_paths.get_status, access.STATUS)
        table.add(level, "HEAD", "checkaccess", dfs_paths.check_access, dfs_paths.check_access_need)
        table.add(level, "PATCH", "setaccesscontrol", dfs_write.set_access_control, permissions_access)
        table.add(
            level,
            "PATCH",
            "setaccesscontrolrecursive",
            dfs_write.set_access_control_recursive,
            permissions_access,
        )
    table.add(PATH, "HEAD", "", dfs_paths.get_properties, access.STATUS)
    table.add(PATH, "GET", "", dfs_paths.read, access.READ)
    table.add(PATH, "PUT", "file", dfs_write.create_file, create_access)
    table.add(PATH, "PUT", "directory", dfs_write.create_directory, create_access)
    table.add(PATH, "PUT", "rename", dfs_write.rename, dfs_write.rename_need)
    table.add(PATH, "PATCH", "append", dfs_write.append, append_access)
    table.add(PATH, "PATCH", "flush", dfs_write.flush, append_access)
    table.add(PATH, "PATCH", "setproperties", dfs_write.set_properties, access.WRITE)
    table.add(PATH, "DELETE", "", dfs_write.delete, access.DELETE)
    return table.operations(surface)


def _discriminate(target: Target, level: str) -> str:
    if level == PATH and "x-ms-rename-source" in target.call.headers:
        return "rename"
    return (target.query("resource") or target.query("action") or target.query("comp")).lower()


async def list_filesystems(target: Target) -> Response:
    after = decode_token("continuation", target.query("continuation"))
    limit = min(target.number("maxResults", LARGEST_PAGE), LARGEST_PAGE) or LARGEST_PAGE
    found = target.lake.catalog.containers(target.account.name, target.query("prefix"), after)
    shown = [
        {"name": item.name, "lastModified": http_date(item.modified), "etag": item.etag}
        for item in found[:limit]
    ]
    headers = {}
    if len(found) > limit:
        headers["x-ms-continuation"] = encode_token(found[limit - 1].name)
    return target.answer(200, headers, json.dumps({"filesystems": shown}), "application/json")


async def create_filesystem(target: Target) -> Response:
    metadata = parse_properties(target.header("x-ms-properties"))
    owner = dfs_write.owner_of(target)
    container = target.lake.create_container(target.account, target.container_name, metadata, owner)
    return target.answer(201, _headers(container))


async def filesystem_properties(target: Target) -> Response:
    container = target.container
    headers = {**_headers(container), "x-ms-properties": render_properties(container.metadata)}
    return target.answer(200, headers)


async def set_filesystem_properties(target: Target) -> Response:
    container = target.container
    check_write(target.call.headers, container)
    metadata = parse_properties(target.header("x-ms-properties"))
    return target.answer(200, _headers(target.lake.catalog.set_container_metadata(container, metadata)))


async def delete_filesystem(target: Target) -> Response:
    target.lake.delete_container(target.container, target.call.headers)
    return target.answer(202)


def _headers(container: Container) -> dict[str, str]:
    return {
        "ETag": f'"{container.etag}"',
        "Last-Modified": http_date(container.modified),
        "x-ms-namespace-enabled": str(container.account.hns).lower(),
    }
