# SPDX-License-Identifier: Apache-2.0
"""Requests that the sandbox makes to itself: one of its services reads what another one publishes.

They take the way of every other request (host, operation, fault rules) without a socket. Fault rules
strike them only where they name a host: a rule for "the next request" means a client's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote

#: In a request's scope: the sandbox itself asks.
INWARD = "azure_sandbox.inward"


class Unreachable(Exception):
    """Nobody answered, or not with 200; str() says what came instead."""


def http_scope(method: str, parts: SplitResult, headers: Mapping[str, str]) -> dict[str, Any]:
    """The ASGI scope of a request for a full URL, as if it had come over TLS."""
    sent = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers.items()]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": unquote(parts.path) or "/",
        "raw_path": parts.path.encode("ascii") or b"/",
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": [(b"host", parts.netloc.encode("ascii")), *sent],
        "server": (parts.netloc, 443),
        "client": ("127.0.0.1", 0),
        "state": {},
    }
