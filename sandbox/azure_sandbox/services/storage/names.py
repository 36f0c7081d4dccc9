# SPDX-License-Identifier: Apache-2.0
"""Names of containers and paths, as "Naming and referencing containers, blobs, and metadata" has them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from azure_sandbox.services.storage.records import Account
from azure_sandbox.services.storage.refusals import bad_header, refuse

_CONTAINER = re.compile(r"[a-z0-9]([a-z0-9]|-(?!-))*[a-z0-9]|\$root|\$web|\$logs")
_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: "control characters (0x00 to 0x1F, \u0081, etc.) are not allowed", and what no XML list could hold.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LONGEST_PATH = 1024
_DEEPEST_PATH = 63


def container_name(name: str) -> str:
    """The name itself, if a container may have it: 3-63 of a-z, 0-9 and single hyphens inside."""
    if not 3 <= len(name) <= 63:
        raise refuse("OutOfRangeInput")
    if not _CONTAINER.fullmatch(name):
        raise refuse("InvalidResourceName")
    return name


def path_name(account: Account, raw: str) -> str:
    """A path as the store keeps it. Where directories are real, empty segments do not count."""
    if _CONTROL.search(raw) or len(raw) > _LONGEST_PATH:
        raise refuse("InvalidUri")
    if not account.hns:
        return raw
    parts = [part for part in raw.split("/") if part]
    if len(parts) > _DEEPEST_PATH or any(part in (".", "..") for part in parts):
        raise refuse("InvalidUri")
    return "/".join(parts)


def metadata_of(headers: Mapping[str, str]) -> dict[str, str]:
    """``x-ms-meta-*`` headers; names must be C# identifiers.

    :raises AzureError: 400 InvalidMetadata is reported by Azure as InvalidHeaderValue for a bad name
    """
    found = {}
    for name, value in headers.items():
        if name.startswith("x-ms-meta-"):
            key = name[len("x-ms-meta-") :]
            if not _METADATA_NAME.fullmatch(key):
                raise bad_header(name, value)
            found[key] = value
    return found
