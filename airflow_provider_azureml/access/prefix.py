# SPDX-License-Identifier: Apache-2.0
"""The condition that keeps a role in a container below one path (Azure docs: storage-auth-abac-examples)."""

from __future__ import annotations

_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_BLOBS = f"{_CONTAINERS}/blobs"
_WRITING = ("write", "add/action", "delete", "move/action")


def below(container: str, prefix: str, access: str) -> str:
    """The condition for `read` or `write` below a prefix of a container. Texts hold no quote: the schema."""
    inside = f"@Resource[{_CONTAINERS}:name] StringEquals '{container}' AND"
    path = f"({inside} @Resource[{_BLOBS}:path] StringStartsWith '{prefix}')"
    listed = f"({inside} @Request[{_BLOBS}:prefix] StringStartsWith '{prefix}')"
    read, is_list = f"ActionMatches{{'{_BLOBS}/read'}}", "SubOperationMatches{'Blob.List'}"
    parts = [f"((!({read} AND NOT {is_list})) OR {path})", f"((!({read} AND {is_list})) OR {listed})"]
    if access == "write":
        others = " AND ".join(f"!(ActionMatches{{'{_BLOBS}/{verb}'}})" for verb in _WRITING)
        parts.append(f"(({others}) OR {path})")
    return " AND ".join(parts)
