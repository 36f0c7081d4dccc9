# SPDX-License-Identifier: Apache-2.0
"""A client assertion taken apart, whoever signed it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.services.entra import errors

#: Seconds that the clocks of signer and Entra may differ.
_SKEW = 300


@dataclass(frozen=True)
class Assertion:
    """A JWT taken apart, not yet believed."""

    token: str
    header: dict[str, Any]
    claims: dict[str, Any]

    @classmethod
    def parse(cls, token: str) -> Assertion:
        """:raises azure_sandbox.kernel.errors.AzureError: AADSTS50027 where it is no JWT"""
        parts = token.split(".")
        try:
            # azure-identity's asynchronous certificate credential pads its base64; Entra takes both.
            header, claims = (json.loads(unpadded(part)) for part in parts[:2])
        except (ValueError, RecursionError):
            raise errors.malformed_assertion() from None
        if len(parts) != 3 or not isinstance(header, dict) or not isinstance(claims, dict):
            raise errors.malformed_assertion()
        return cls(token, header, claims)

    def claim(self, name: str) -> str:
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""

    def moment(self, name: str, default: float) -> float:
        value = self.claims.get(name)
        return float(value) if isinstance(value, (int, float)) else default

    @property
    def audiences(self) -> list[str]:
        value = self.claims.get("aud")
        listed = value if isinstance(value, list) else [value]
        return [audience for audience in listed if isinstance(audience, str)]


def check_times(cloud: Cloud, assertion: Assertion) -> None:
    """:raises azure_sandbox.kernel.errors.AzureError: AADSTS700024"""
    now, start, end = (
        cloud.clock.time_of("entra"),
        assertion.moment("nbf", 0.0),
        assertion.moment("exp", -1.0),
    )
    if not start - _SKEW <= now < end:
        raise errors.assertion_expired(now, start, end)


def unpadded(text: str) -> bytes:
    """Base64url, with or without its padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
