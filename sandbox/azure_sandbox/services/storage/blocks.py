# SPDX-License-Identifier: Apache-2.0
"""The Blob endpoint's blocks: staging, committing and listing them, and appending to append blobs."""

from __future__ import annotations

import base64
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement

from starlette.responses import Response

from azure_sandbox.services.storage import growth
from azure_sandbox.services.storage.blob_write import receive_checked, settings_of
from azure_sandbox.services.storage.content import entry_headers
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.documents import parse_xml
from azure_sandbox.services.storage.growth import Listed
from azure_sandbox.services.storage.records import BLOCK_BLOB
from azure_sandbox.services.storage.refusals import bad_header, bad_query, refuse
from azure_sandbox.services.storage.xml import add_texts, xml_answer

_KINDS = ("committed", "uncommitted", "all")


async def put_block(target: Target) -> Response:
    block = target.query("blockid")
    if not block:
        raise refuse("MissingRequiredQueryParameter", QueryParameterName="blockid")
    growth.check_block_id(block)
    container = target.container
    written = await receive_checked(target)
    if not written.size:
        raise bad_header("Content-Length", "0")
    try:
        growth.stage_block(target.lake, container, target.path, block, written)
    except BaseException:
        target.lake.disk.remove([written.data])
        raise
    headers = {"Content-MD5": base64.b64encode(written.md5).decode(), "x-ms-request-server-encrypted": "true"}
    return target.answer(201, headers)


async def put_block_list(target: Target) -> Response:
    root = parse_xml(await target.call.request.body(), "BlockList")
    listed: list[Listed] = [(element.tag, (element.text or "").strip()) for element in root]
    if any(source not in ("Committed", "Uncommitted", "Latest") for source, _ in listed):
        raise refuse("InvalidXmlDocument")
    # The Content-Type of this request describes the XML, not the blob.
    settings = settings_of(target)
    own = {
        name: value for name, value in settings.headers.items() if f"x-ms-blob-{name}" in target.call.headers
    }
    settings = replace(settings, headers=own)
    entry = await growth.commit_blocks(
        target.lake, target.container, target.path, listed, settings, target.call.headers
    )
    return target.answer(201, {**entry_headers(entry), "x-ms-request-server-encrypted": "true"})


async def get_block_list(target: Target) -> Response:
    kind = target.query("blocklisttype", "committed").lower()
    if kind not in _KINDS:
        raise bad_query("blocklisttype", kind)
    container = target.container
    entry = target.lake.find(container, target.path)
    staged = target.lake.catalog.staged_blocks(container.id, target.path)
    if entry is None and not staged:
        raise refuse("PathNotFound")
    if entry and entry.kind != BLOCK_BLOB:
        raise refuse("InvalidBlobType")
    root = Element("BlockList")
    if kind != "uncommitted":
        _add_blocks(root, "CommittedBlocks", entry.settings.blocks if entry else [])
    if kind != "committed":
        _add_blocks(root, "UncommittedBlocks", [(block, size) for block, (_, size) in staged.items()])
    headers = {**entry_headers(entry), "x-ms-blob-content-length": str(entry.size)} if entry else {}
    return xml_answer(target, root, headers=headers)


def _add_blocks(root: Element, name: str, blocks: list[tuple[str, int]]) -> None:
    parent = SubElement(root, name)
    for block, size in blocks:
        add_texts(SubElement(parent, "Block"), {"Name": block, "Size": str(size)})


async def append_block(target: Target) -> Response:
    container = target.container
    target.lake.file(container, target.path)
    written = await receive_checked(target)
    if not written.size:
        raise bad_header("Content-Length", "0")
    try:
        entry = growth.append_block(target.lake, container, target.path, written, target.call.headers)
    finally:
        target.lake.disk.remove([written.data])
    headers = {
        **entry_headers(entry),
        "x-ms-blob-append-offset": str(entry.size - written.size),
        "x-ms-blob-committed-block-count": str(entry.settings.extra["appended"]),
        "x-ms-request-server-encrypted": "true",
    }
    return target.answer(201, headers)
