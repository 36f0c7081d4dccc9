# SPDX-License-Identifier: Apache-2.0
"""Pages of a listing: what both endpoints show, with the token that continues it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from azure_sandbox.services.storage.catalog import Catalog
from azure_sandbox.services.storage.records import Container, Entry
from azure_sandbox.services.storage.refusals import bad_query

LARGEST_PAGE = 5000
_END = "\U0010ffff"


@dataclass(frozen=True)
class Page:
    """Entries, and common prefixes (``str``), in order; ``next`` is what the next page begins after."""

    items: list[Entry | str]
    next: str


def encode_token(after: str) -> str:
    """Opaque and safe in a query string."""
    return base64.urlsafe_b64encode(after.encode()).decode() if after else ""


def decode_token(name: str, token: str) -> str:
    """:raises AzureError: 400 for a token that is none of ours"""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_query(name, token) from None


def flat(catalog: Catalog, container: Container, prefix: str, after: str, limit: int) -> Page:
    """All paths with a prefix."""
    return _page(catalog.scan(container.id, prefix, after, limit + 1), limit)


def children(catalog: Catalog, container: Container, prefix: str, after: str, limit: int) -> Page:
    """What lies directly in the directory that a prefix names up to its last slash, and has the prefix."""
    directory = prefix.rpartition("/")[0]
    return _page(catalog.children(container.id, directory, prefix, after, limit + 1), limit)


def _page(found: list[Entry], limit: int) -> Page:
    return Page(list(found[:limit]), found[limit - 1].path if len(found) > limit else "")


def by_delimiter(
    catalog: Catalog, container: Container, prefix: str, delimiter: str, after: str, limit: int
) -> Page:
    """Paths with a prefix, those with the delimiter further on rolled up into one common prefix.

    Each common prefix is skipped over in the index, so its cost does not depend on what is below.
    """
    items: list[Entry | str] = []
    cursor = after
    while batch := catalog.scan(container.id, prefix, cursor, limit + 1):
        for entry in batch:
            if entry.path <= cursor:
                continue
            if len(items) == limit:
                return Page(items, cursor)
            head, found, _ = entry.path[len(prefix) :].partition(delimiter)
            rolled = prefix + head + delimiter if found else ""
            items.append(rolled or entry)
            cursor = rolled + _END if rolled else entry.path
    return Page(items, "")
