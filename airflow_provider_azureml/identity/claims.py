# SPDX-License-Identifier: Apache-2.0
"""What a token says about its owner. Read for people, never to decide: nothing is verified here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Identity:
    """Who a token makes us."""

    tenant_id: str
    app_id: str
    object_id: str

    @classmethod
    def of(cls, token: str) -> Identity:
        """Read an access token of Entra; v1 tokens say `appid`, v2 tokens `azp`."""
        claims = read_claims(token)
        app = claims.get("appid") or claims.get("azp") or ""
        return cls(str(claims.get("tid") or ""), str(app), str(claims.get("oid") or ""))


def read_claims(token: str) -> Mapping[str, Any]:
    """The payload of a JSON web token, empty when it is none."""
    return _part(token, 1)


def read_header(token: str) -> Mapping[str, Any]:
    """The header of a JSON web token, empty when it is none."""
    return _part(token, 0)


def _part(token: str, index: int) -> Mapping[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    padded = parts[index] + "=" * (-len(parts[index]) % 4)
    try:
        found = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
