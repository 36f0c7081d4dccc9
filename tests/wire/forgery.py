# SPDX-License-Identifier: Apache-2.0
"""Tokens that nobody issued: made with the sandbox's own keys, which a test may read from its data directory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import RSAKey


def part(token: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token."""
    text = token.split(".")[number]
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Forger:
    """Changes a good token and signs it again.

    :param token: the good one
    :param key: what signed it
    """

    token: str
    key: RSAKey

    @classmethod
    def of(cls, token: str, keys: Path) -> Forger:
        """With the key of the sandbox's that signed the token, found by its ``kid``."""
        kid = part(token, 0)["kid"]
        found = (RSAKey.import_key(path.read_bytes()) for path in sorted(keys.glob("*.pem")) if is_rsa(path))
        return cls(token, next(key for key in found if key.thumbprint() == kid))

    def claims(self, **changes: Any) -> str:
        """With other claims, and a good signature; None takes a claim away."""
        return self._signed({}, {**part(self.token, 1), **changes}, self.key)

    def header(self, key: RSAKey | None = None, **changes: Any) -> str:
        """With another header, or signed by another key."""
        return self._signed(changes, part(self.token, 1), key or self.key)

    def unsigned(self) -> str:
        """``alg`` is none."""
        return f"{encoded({**part(self.token, 0), 'alg': 'none'})}.{self.token.split('.')[1]}."

    def signed_with_the_public_key(self) -> str:
        """HS256, with what everybody knows as the secret: the classic confusion."""
        head = f"{encoded({**part(self.token, 0), 'alg': 'HS256'})}.{self.token.split('.')[1]}"
        digest = hmac.new(self.key.as_pem(private=False), head.encode(), hashlib.sha256).digest()
        return f"{head}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def flipped(self) -> str:
        """One bit of the signature is another."""
        head, _, signature = self.token.rpartition(".")
        raw = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
        raw[10] ^= 1
        return f"{head}.{base64.urlsafe_b64encode(bytes(raw)).rstrip(b'=').decode()}"

    def _signed(self, header: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({**part(self.token, 0), **header}, kept, key)


def is_rsa(path: Path) -> bool:
    return "es384" not in path.name


def certificate_assertion(
    client_id: str, audience: str, certificate: x509.Certificate, key: RSAKey, **changes: Any
) -> str:
    """What MSAL sends for a certificate: https://learn.microsoft.com/entra/identity-platform/certificate-credentials."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "nbf": now, "exp": now + 300, **changes}
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    header = {"alg": "RS256", "x5t#S256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
    return jwt.encode(header, claims, key)
