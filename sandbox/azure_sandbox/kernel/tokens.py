# SPDX-License-Identifier: Apache-2.0
"""Real RS256 tokens: one signing key per issuer, kept on disk so that a restart keeps trust."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, RSAKey
from joserfc.jws import extract_compact

Claims = dict[str, Any]

_CACHED_TOKENS = 4096


class InvalidToken(Exception):
    """The token is not one of ours, or its signature, time or shape is wrong; str() says which."""


class Issuer:
    """Signs and verifies the tokens of one OIDC issuer.

    :param url: the ``iss`` claim, exactly as discovery publishes it
    :param key_file: PEM file of the RSA key; made on first use, readable by the owner only
    :param aliases: further ``iss`` values of the same key (Entra's v1 and v2 tokens)
    :param tenant: the only ``tid`` that a token may have; empty: there is no such claim
    """

    def __init__(self, url: str, key_file: Path, *, aliases: tuple[str, ...] = (), tenant: str = "") -> None:
        self.url = url
        self.aliases = aliases
        self._tenant = tenant
        self._key = _load_or_create(key_file)
        self._verified: dict[str, Claims] = {}
        self._revoked: dict[str, int] = {}

    @property
    def kid(self) -> str:
        return str(self._key.thumbprint())

    def jwks(self) -> dict[str, Any]:
        public = self._key.as_dict(private=False)
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: Claims) -> str:
        header = {"alg": "RS256", "typ": "JWT", "kid": self.kid}
        return jwt.encode(header, {"iss": self.url, **claims}, self._key)

    def revoke(self, object_id: str, now: float) -> None:
        """Every token that a principal holds is refused from now on; new ones are good."""
        self._revoked[object_id] = max(int(now), self._revoked.get(object_id, 0) + 1)

    def issue_time(self, object_id: str, now: float) -> int:
        """``iat`` of a new token: after the last revocation, since it counts whole seconds."""
        return max(int(now), self._revoked.get(object_id, -1) + 1)

    def verify(self, token: str, now: float) -> Claims:
        """The claims of a valid token of ours. A signature is checked once, its times on every call.

        :raises InvalidToken: for a bad shape, key, signature, issuer or time
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decode(token)
            if len(self._verified) >= _CACHED_TOKENS:
                self._verified.clear()
            self._verified[token] = claims
        if not isinstance(claims.get("exp"), (int, float)) or claims["exp"] <= now:
            raise InvalidToken("expired")
        if claims.get("nbf", 0) > now + 300:
            raise InvalidToken("not yet valid")
        if self._revoked and claims.get("iat", 0) <= self._revoked.get(str(claims.get("oid")), -1):
            raise InvalidToken("revoked")
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidToken(f"signature or shape: {type(error).__name__}") from None
        if claims.get("iss") not in (self.url, *self.aliases):
            raise InvalidToken("issuer")
        if self._tenant and claims.get("tid") != self._tenant:
            raise InvalidToken("issuer")
        return dict(claims)


def signed_claims(token: str, key: dict[str, Any], algorithms: tuple[str, ...] = ("RS256",)) -> Claims:
    """The claims of a token that a published key signed; its times and names are the caller's to check.

    :param key: a JWK
    :raises InvalidToken: for a bad shape, key or signature, or another algorithm
    """
    if key.get("kty") not in ("RSA", "EC"):
        raise InvalidToken("key")
    try:
        loaded = JWKRegistry.import_key(key)
        return dict(jwt.decode(token, loaded, algorithms=list(algorithms)).claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise InvalidToken(f"signature or shape: {type(error).__name__}") from None


def header_of(token: str) -> dict[str, Any]:
    """The header as it stands in the token.

    :raises InvalidToken: as :func:`unverified_claims`
    """
    try:
        return dict(extract_compact(token.encode()).headers())
    except (JoseError, ValueError, UnicodeError) as error:
        raise InvalidToken(f"shape: {type(error).__name__}") from None


def unverified_claims(token: str) -> Claims:
    """The claims as they stand in the token, signature unchecked: only to choose who verifies it.

    :raises InvalidToken: where it is not three base64url parts holding JSON objects
    """
    try:
        claims = json.loads(extract_compact(token.encode()).payload)
    except (JoseError, ValueError, UnicodeError) as error:
        raise InvalidToken(f"shape: {type(error).__name__}") from None
    if not isinstance(claims, dict):
        raise InvalidToken("shape: payload is not an object")
    return claims


def _load_or_create(path: Path) -> RSAKey:
    if path.exists():
        return cast("RSAKey", RSAKey.import_key(path.read_bytes()))
    key = RSAKey.generate_key(2048)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
    return cast("RSAKey", key)
