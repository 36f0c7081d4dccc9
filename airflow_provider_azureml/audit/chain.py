# SPDX-License-Identifier: Apache-2.0
"""The chain: each line of a file holds the hash of the line before it, and its own.

The hash is SHA-256 over the bytes of the line in front of its last member, `"hash"`. What is not in
the first line of a file cannot be checked by that file alone: see `verify` in `check.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

OPEN = "open"
"""Kind of the first line of each file: who writes it, and how the writer's file before it ended."""
_HASH = b',"hash":"'
_TAIL = len(_HASH) + 64 + len(b'"}')


class BrokenLine(ValueError):
    """A line is not one that a writer wrote."""


def seal(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """The line of a record, with its newline, and its hash."""
    body = json.dumps(record, separators=(",", ":"), ensure_ascii=True)[:-1].encode()
    digest = hashlib.sha256(body).hexdigest()
    return body + _HASH + digest.encode() + b'"}\n', digest


def unseal(line: bytes) -> tuple[dict[str, Any], str]:
    """The record of a line (without newline), and its hash; raises BrokenLine."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    digest = hashlib.sha256(body).hexdigest()
    if tail != _HASH + digest.encode() + b'"}':
        raise BrokenLine("its hash is not the hash of its content")
    try:
        record = json.loads(body + b"}")
    except ValueError as error:
        raise BrokenLine("it is not JSON") from error
    return record, digest
