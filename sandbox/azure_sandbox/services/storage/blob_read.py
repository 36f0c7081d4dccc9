# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint's reads of one blob."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.services.storage.blob_containers import FOLDER_MARK
from azure_sandbox.services.storage.conditions import check_read
from azure_sandbox.services.storage.content import DEFAULT_TYPE, entry_headers, send
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.records import APPEND_BLOB, Entry
from azure_sandbox.services.storage.xml import add_texts, xml_answer


def _checked(target: Target) -> Entry:
    entry = target.lake.entry(target.container, target.path)
    check_read(target.call.headers, entry)
    return entry


async def get_blob(target: Target) -> Response:
    """Azure answers the read of a directory with no bytes and its mark."""
    entry = target.lake.entry(target.container, target.path)
    return send(target, entry, blob_headers(target, entry))


async def blob_properties(target: Target) -> Response:
    entry = _checked(target)
    headers = {
        "content-type": DEFAULT_TYPE,
        "Accept-Ranges": "bytes",
        "Content-Length": str(entry.size),
        **blob_headers(target, entry),
    }
    return target.answer(200, headers)


async def blob_metadata(target: Target) -> Response:
    entry = _checked(target)
    return target.answer(200, {**entry_headers(entry), **metadata_headers(entry)})


async def blob_tags(target: Target) -> Response:
    entry = target.lake.file(target.container, target.path)
    root = Element("Tags")
    tags = SubElement(root, "TagSet")
    for name, value in entry.settings.tags.items():
        add_texts(SubElement(tags, "Tag"), {"Key": name, "Value": value})
    return xml_answer(target, root)


def metadata_headers(entry: Entry) -> dict[str, str]:
    marked = FOLDER_MARK if entry.directory else {}
    return {f"x-ms-meta-{name}": value for name, value in {**entry.settings.metadata, **marked}.items()}


def blob_headers(target: Target, entry: Entry) -> dict[str, str]:
    settings = entry.settings
    headers = {
        **entry_headers(entry),
        "x-ms-blob-type": entry.kind,
        "x-ms-creation-time": http_date(entry.created),
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        **metadata_headers(entry),
        **settings.headers,
    }
    if entry.kind == APPEND_BLOB:
        headers["x-ms-blob-committed-block-count"] = str(settings.extra.get("appended", 0))
    else:
        headers["x-ms-access-tier"] = settings.extra.get("tier", "Hot")
    if target.account.hns:
        headers["x-ms-resource-type"] = "directory" if entry.directory else "file"
        headers["x-ms-owner"] = settings.owner
        headers["x-ms-group"] = settings.group
        headers["x-ms-permissions"] = settings.permissions
    if settings.tags:
        headers["x-ms-tag-count"] = str(len(settings.tags))
    return {**headers, **settings.extra.get("copy", {})}
