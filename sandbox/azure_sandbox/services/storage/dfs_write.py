# SPDX-License-Identifier: Apache-2.0
"""The DFS endpoint's writes: create, rename, append and flush, properties, access control, delete."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response

from azure_sandbox.services.storage import access, acl, growth
from azure_sandbox.services.storage.access import Access
from azure_sandbox.services.storage.authentication import sas_caller
from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.content import entry_headers
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.names import container_name, path_name
from azure_sandbox.services.storage.properties import parse_properties
from azure_sandbox.services.storage.records import BLOCK_BLOB, SUPERUSER, Entry, Settings
from azure_sandbox.services.storage.refusals import bad_header, bad_query, refuse

#: 190.7 TiB is the documented limit of a file; the disk's own is lower, so this is ext4's 16 TiB less some.
_LONGEST_FILE = 15 << 40

_CONTENT_SETTINGS = (
    "cache-control",
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
)


def content_settings(target: Target, prefix: str = "x-ms-") -> dict[str, str]:
    """``x-ms-content-type`` and the like, by the name of the header they will become."""
    headers = target.call.headers
    found = {name: headers[prefix + name] for name in _CONTENT_SETTINGS if prefix + name in headers}
    md5 = headers.get("x-ms-content-md5")
    return {**found, "content-md5": md5} if md5 else found


def owner_of(target: Target) -> str:
    """A principal owns what it makes; keys and SAS act for the superuser."""
    return target.call.caller.object_id or SUPERUSER


def _new_settings(target: Target, *, directory: bool) -> Settings:
    permissions = acl.new_permissions(
        target.header("x-ms-permissions"), target.header("x-ms-umask"), directory=directory
    )
    settings = Settings(
        headers=content_settings(target),
        metadata=parse_properties(target.header("x-ms-properties")),
        owner=target.header("x-ms-owner") or owner_of(target),
        group=target.header("x-ms-group") or SUPERUSER,
        permissions=permissions,
    )
    text = target.header("x-ms-acl")
    return acl.with_acl(settings, acl.parse(text)) if text else settings


async def create_file(target: Target) -> Response:
    settings = _new_settings(target, directory=False)
    fresh = Entry(target.path, False, 0, "", 0, 0, "", BLOCK_BLOB, settings)
    entry = target.lake.replace_file(target.container, target.path, fresh, target.call.headers)
    return target.answer(201, entry_headers(entry))


async def create_directory(target: Target) -> Response:
    settings = _new_settings(target, directory=True)
    entry = target.lake.make_directory(target.container, target.path, settings, target.call.headers)
    return target.answer(201, entry_headers(entry))


def rename_need(target: Target) -> Access:
    """Of the destination; the source is checked once we know it."""
    return access.MOVE_TO if target.may(access.MOVE_TO) else access.WRITE_TO


async def rename(target: Target) -> Response:
    source, path = _rename_source(target)
    entry = target.lake.rename(source.container, path, target.container, target.path, target.call.headers)
    return target.answer(201, {**entry_headers(entry), "Content-Length": "0"})


def _rename_source(target: Target) -> tuple[Target, str]:
    """The filesystem and path that ``x-ms-rename-source`` names: ``/fs/encoded%20path[?sas]``."""
    text = target.header("x-ms-rename-source")
    raw, _, query = text.partition("?")
    filesystem, _, path = unquote(raw).lstrip("/").partition("/")
    if not filesystem or not path:
        raise bad_header("x-ms-rename-source", text)
    source = replace(target, container_name=container_name(filesystem), path=path_name(target.account, path))
    if query:
        call = target.call
        caller = sas_caller(call.cloud, target.account, unquote(raw), dict(parse_qsl(query)))
        source = replace(source, call=replace(call, caller=caller))
    if not (source.may(access.MOVE) or source.may(access.DELETE)):
        raise refuse("AuthorizationPermissionMismatch")
    return source, source.path


async def append(target: Target) -> Response:
    position = target.number("position", most=_LONGEST_FILE)
    container, request = target.container, target.call.request
    entry = growth.prepare_append(target.lake, container, target.path, position)
    check_write(target.call.headers, entry)
    written = await target.lake.disk.receive(request, entry.data, position)
    if not written.size:
        raise bad_header("Content-Length", "0")
    growth.record_append(target.lake, container, target.path, position, written)
    if target.flag("flush"):
        growth.flush(target.lake, container, target.path, position + written.size, {}, {})
    return target.answer(202, {"x-ms-request-server-encrypted": "true"})


async def flush(target: Target) -> Response:
    await _discard_body(target.call.request)
    position = target.number("position")
    settings = content_settings(target)
    entry = growth.flush(target.lake, target.container, target.path, position, target.call.headers, settings)
    return target.answer(200, {**entry_headers(entry), "x-ms-request-server-encrypted": "true"})


async def _discard_body(request: Request) -> None:
    async for _ in request.stream():
        pass


async def set_properties(target: Target) -> Response:
    """Replaces all metadata, and the content settings that are given."""
    container = target.container
    entry = target.lake.entry(container, target.path)
    check_write(target.call.headers, entry)
    metadata = parse_properties(target.header("x-ms-properties"))
    headers = {**entry.settings.headers, **content_settings(target)}
    changed = target.lake.update(container, entry.with_settings(metadata=metadata, headers=headers))
    return target.answer(200, entry_headers(changed))


async def set_access_control(target: Target) -> Response:
    if not target.account.hns:
        raise refuse("HierarchicalNamespaceNotEnabled")
    container = target.container
    entry = target.lake.entry(container, target.path)
    check_write(target.call.headers, entry)
    changed = replace(entry, settings=_changed_access(target, entry.settings))
    return target.answer(200, entry_headers(target.lake.update(container, changed)))


def _changed_access(target: Target, settings: Settings) -> Settings:
    permissions, text = target.header("x-ms-permissions"), target.header("x-ms-acl")
    owner, group = target.header("x-ms-owner"), target.header("x-ms-group")
    if permissions and text:
        raise bad_header("x-ms-acl", text)
    if not (permissions or text or owner or group):
        raise refuse("MissingRequiredHeader", HeaderName="x-ms-acl")
    if owner and owner != settings.owner and not target.may(access.ANY_PERMISSIONS):
        raise refuse("AuthorizationPermissionMismatch")
    settings = replace(settings, owner=owner or settings.owner, group=group or settings.group)
    if permissions:
        settings = acl.with_permissions(settings, permissions)
    return acl.with_acl(settings, acl.parse(text)) if text else settings


async def set_access_control_recursive(target: Target) -> Response:
    """All at once: a page of ours is a whole tree, so there is never a continuation."""
    mode = target.query("mode")
    if mode not in ("set", "modify", "remove"):
        raise bad_query("mode", mode)
    change = acl.change_of(mode, target.header("x-ms-acl"))
    lake, container = target.lake, target.container
    top = lake.entry(container, target.path)
    below = lake.catalog.scan(container.id, f"{target.path}/" if target.path else "", "", -1)
    entries = [top, *(entry for entry in below if top.directory)]
    changed, refused = _owned(target, entries)
    with lake.catalog.atomic():
        for entry in changed:
            lake.update(container, replace(entry, settings=change(entry.settings)))
    directories = sum(entry.directory for entry in changed)
    counts = {
        "directoriesSuccessful": directories,
        "filesSuccessful": len(changed) - directories,
        "failureCount": len(refused),
        "failedEntries": [_failed_entry(entry) for entry in refused],
    }
    return target.answer(200, {}, json.dumps(counts), "application/json;charset=utf-8")


def _owned(target: Target, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Those whose ACL the caller may change, and the others: all for the superuser, else one's own."""
    if target.may(access.ANY_PERMISSIONS):
        return entries, []
    own = [entry for entry in entries if entry.settings.owner == target.call.caller.object_id]
    return own, [entry for entry in entries if entry not in own]


def _failed_entry(entry: Entry) -> dict[str, str]:
    kind = "DIRECTORY" if entry.directory else "FILE"
    message = refuse("AuthorizationPermissionMismatch").message
    return {"name": entry.path, "type": kind, "errorMessage": message}


async def delete(target: Target) -> Response:
    """Azure may answer a big recursive delete with a continuation; ours is always one step."""
    container = target.container
    target.lake.delete(container, target.path, target.call.headers, recursive=target.flag("recursive"))
    return target.answer(200)
