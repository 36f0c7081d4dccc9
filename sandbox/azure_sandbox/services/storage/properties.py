# SPDX-License-Identifier: Apache-2.0
"""``x-ms-properties``: how the DFS endpoint writes metadata."""

from __future__ import annotations

import base64
import binascii

from azure_sandbox.services.storage.refusals import bad_header


def parse_properties(text: str) -> dict[str, str]:
    """``x-ms-properties``: ``name=base64,...``.

    :raises AzureError: 400 InvalidHeaderValue
    """
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        try:
            found[name] = base64.b64decode(value, validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            raise bad_header("x-ms-properties", text) from None
    return found


def render_properties(metadata: dict[str, str]) -> str:
    return ",".join(
        f"{name}={base64.b64encode(value.encode('latin-1', 'replace')).decode()}"
        for name, value in metadata.items()
    )
