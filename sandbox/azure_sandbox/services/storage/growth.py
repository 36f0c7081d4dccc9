# SPDX-License-Identifier: Apache-2.0
"""How content grows: DFS appends and flushes, block lists, append blobs."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from azure_sandbox.services.storage.conditions import check_write
from azure_sandbox.services.storage.disk import Slice, Written
from azure_sandbox.services.storage.lake import Headers, Lake
from azure_sandbox.services.storage.records import APPEND_BLOB, BLOCK_BLOB, Container, Entry, Settings
from azure_sandbox.services.storage.refusals import refuse

#: Blocks of one block blob, and blocks appended to one append blob.
MOST_BLOCKS = 50_000

#: Bytes of one Append Block (service version 2022-11-02 and later).
LARGEST_APPEND = 100 << 20

#: One element of a Put Block List body: ``Committed``, ``Uncommitted`` or ``Latest``, and the id.
Listed = tuple[str, str]


def prepare_append(lake: Lake, container: Container, path: str, position: int) -> Entry:
    """The file that bytes will be appended to, with a data file to hold them.

    :raises AzureError: where bytes at this position can never be flushed
    """
    entry = lake.file(container, path)
    if position < entry.size:
        raise refuse("InvalidFlushPosition")
    if not entry.data:
        entry = lake.update(container, replace(entry, data=lake.disk.new()), touch=False)
    return entry


def record_append(lake: Lake, container: Container, path: str, position: int, written: Written) -> None:
    """Remember bytes that were appended but not yet flushed.

    :raises AzureError: 404 where the path was deleted or replaced while they arrived
    """
    entry = lake.file(container, path)
    if entry.data != written.data:
        raise refuse("PathNotFound")
    lake.catalog.stage_extent(written.data, position, position + written.size)


def flush(
    lake: Lake, container: Container, path: str, position: int, headers: Headers, settings: dict[str, str]
) -> Entry:
    """Make what was appended up to a position the file's content.

    :param settings: content settings to change, by response header name
    :raises AzureError: 400 InvalidFlushPosition where bytes are missing before the position
    """
    entry = lake.file(container, path)
    check_write(headers, entry)
    reach = entry.size
    for start, stop in lake.catalog.staged_extents(entry.data):
        if start <= reach:
            reach = max(reach, stop)
    if not entry.size <= position <= reach:
        raise refuse("InvalidFlushPosition")
    # A cut inside an extent would leave bytes behind that Azure does not keep: appends end there.
    lake.catalog.drop_extents(entry.data)
    changed = replace(entry, size=position).with_settings(headers={**entry.settings.headers, **settings})
    return lake.update(container, changed)


def stage_block(lake: Lake, container: Container, path: str, block: str, written: Written) -> None:
    """Keep an uncommitted block. Its blob need not exist.

    :raises AzureError: 400 InvalidBlockId; 409 where the path is no block blob
    """
    check_block_id(block)
    entry = lake.find(container, path)
    if entry and entry.directory:
        raise refuse("PathConflict")
    if entry and entry.kind != BLOCK_BLOB:
        raise refuse("InvalidBlobType")
    replaced = lake.catalog.stage_block(container.id, path, block, written.data, written.size)
    lake.disk.remove([replaced] if replaced else [])


def check_block_id(block: str) -> None:
    try:
        length = len(base64.b64decode(block, validate=True))
    except (binascii.Error, ValueError):
        raise refuse("InvalidBlockId") from None
    if not 0 < length <= 64:
        raise refuse("InvalidBlockId")


async def commit_blocks(
    lake: Lake, container: Container, path: str, listed: list[Listed], settings: Settings, headers: Headers
) -> Entry:
    """Make a blob of blocks, old and new, in the order given."""
    if len(listed) > MOST_BLOCKS:
        raise refuse("InvalidBlockList")
    old = lake.find(container, path)
    check_write(headers, old)
    if old and old.kind != BLOCK_BLOB:
        raise refuse("InvalidBlobType")
    staged = lake.catalog.staged_blocks(container.id, path)
    committed = _committed(old)
    slices = [_choose(source, block, staged, committed) for source, block in listed]
    data = await lake.disk.join(slices)
    blocks = [(block, part.size) for (_, block), part in zip(listed, slices, strict=True)]
    size = sum(part.size for part in slices)
    fresh = Entry(path, False, size, "", 0, 0, data, BLOCK_BLOB, replace(settings, blocks=blocks))
    try:
        return lake.replace_file(container, path, fresh, headers)
    except BaseException:
        lake.disk.remove([data])
        raise


def _committed(entry: Entry | None) -> dict[str, Slice]:
    found: dict[str, Slice] = {}
    offset = 0
    for block, size in entry.settings.blocks if entry else ():
        found[block] = Slice(entry.data if entry else "", offset, size)
        offset += size
    return found


def _choose(
    source: str, block: str, staged: dict[str, tuple[str, int]], committed: dict[str, Slice]
) -> Slice:
    if source != "Committed" and block in staged:
        data, size = staged[block]
        return Slice(data, 0, size)
    if source != "Uncommitted" and block in committed:
        return committed[block]
    raise refuse("InvalidBlockList")


def append_block(lake: Lake, container: Container, path: str, written: Written, headers: Headers) -> Entry:
    """Add what was received (a data file of its own) to the end of an append blob."""
    entry = lake.file(container, path)
    check_write(headers, entry)
    if entry.kind != APPEND_BLOB:
        raise refuse("InvalidBlobType")
    if written.size > LARGEST_APPEND:
        raise refuse("RequestBodyTooLarge")
    _check_append(entry, written.size, headers)
    return extend(lake, container, entry, lake.disk.read(written.data, 0, written.size))


def _check_append(entry: Entry, size: int, headers: Headers) -> None:
    expected = headers.get("x-ms-blob-condition-appendpos")
    if expected is not None and expected != str(entry.size):
        raise refuse("AppendPositionConditionNotMet")
    most = headers.get("x-ms-blob-condition-maxsize")
    if most is not None and most.isdecimal() and entry.size + size > int(most):
        raise refuse("MaxBlobSizeConditionNotMet")


def extend(lake: Lake, container: Container, entry: Entry, content: bytes) -> Entry:
    """Add bytes to the end of a file at once, without flush."""
    data = entry.data or lake.disk.new()
    lake.disk.write(data, content, entry.size)
    count = int(entry.settings.extra.get("appended", 0)) + 1
    extra = {**entry.settings.extra, "appended": count}
    grown = replace(entry, size=entry.size + len(content), data=data).with_settings(extra=extra)
    return lake.update(container, grown)
