# SPDX-License-Identifier: Apache-2.0
"""Reading a file over HTTP: ranges, conditions, and answers that do not pass through memory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response, StreamingResponse

from azure_sandbox.kernel.clock import http_date
from azure_sandbox.services.storage.conditions import check_read
from azure_sandbox.services.storage.disk import PIECE
from azure_sandbox.services.storage.dispatch import Target
from azure_sandbox.services.storage.records import Entry
from azure_sandbox.services.storage.refusals import common_headers, refuse

_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{1,19})?")
DEFAULT_TYPE = "application/octet-stream"
#: Query parameters of a SAS that replace headers of the answer.
_OVERRIDES = {
    "rscc": "cache-control",
    "rscd": "content-disposition",
    "rsce": "content-encoding",
    "rscl": "content-language",
    "rsct": "content-type",
}


def requested_range(headers: Mapping[str, str], size: int) -> tuple[int, int] | None:
    """First byte and length of the range that was asked for, cut at the end; None for the whole.

    A header that is no range of bytes is ignored, as HTTP has it.

    :raises AzureError: 416 InvalidRange where it starts behind the end
    """
    found = _RANGE.fullmatch(headers.get("x-ms-range") or headers.get("range", ""))
    if not found:
        return None
    start, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if start >= size or last < start:
        raise refuse("InvalidRange", headers={"Content-Range": f"bytes */{size}"})
    return start, min(last, size - 1) - start + 1


def entry_headers(entry: Entry) -> dict[str, str]:
    """Of every answer about a path."""
    return {"ETag": f'"{entry.etag}"', "Last-Modified": http_date(entry.modified)}


def send(target: Target, entry: Entry, headers: dict[str, str]) -> Response:
    """The content of a file, or the range of it that the request asks for."""
    request_headers = target.call.headers
    check_read(request_headers, entry)
    span = requested_range(request_headers, entry.size)
    start, size = span or (0, entry.size)
    headers = {
        **common_headers(target.call.request),
        "content-type": DEFAULT_TYPE,
        "Accept-Ranges": "bytes",
        **headers,
        **_overrides(target),
        "Content-Length": str(size),
    }
    if span:
        headers["Content-Range"] = f"bytes {start}-{start + size - 1}/{entry.size}"
    status = 206 if span else 200
    disk = target.lake.disk
    if size <= PIECE:
        return Response(disk.read(entry.data, start, size), status, headers)
    # Opened now: whoever replaces the file while we send it must not take it from under us.
    return StreamingResponse(disk.stream(disk.open(entry.data), start, size), status, headers)


def _overrides(target: Target) -> dict[str, str]:
    if "sig" not in target.call.query:
        return {}
    return {header: target.query(name) for name, header in _OVERRIDES.items() if target.query(name)}
