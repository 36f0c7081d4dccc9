# SPDX-License-Identifier: Apache-2.0
"""Authorization servers and their clients, as the seed names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.kernel.tokens import Issuer

#: Seconds that an access token lives where the seed does not say; Okta's own default.
LIFETIME = 3600


@dataclass(frozen=True)
class Client:
    """A service app: it proves itself with a key, never with a secret (``private_key_jwt``).

    :param keys: the public keys that are registered, as JWKs with ``kid``
    :param key_file: where its private key was left for whoever plays the client
    """

    name: str
    client_id: str
    keys: tuple[dict[str, Any], ...]
    key_file: Path


@dataclass(frozen=True)
class Server:
    """A custom authorization server: ``https://ORG.okta.com/oauth2/ID``.

    :param clients: names of the clients that its access policy lets in
    :param lifetime: of its access tokens, in seconds
    """

    org: str
    id: str
    audience: str
    scopes: tuple[str, ...]
    clients: frozenset[str]
    issuer: Issuer = field(repr=False)
    lifetime: int = LIFETIME

    @property
    def url(self) -> str:
        """The issuer text: no trailing slash."""
        return self.issuer.url

    @property
    def token_endpoint(self) -> str:
        return f"{self.url}/v1/token"


def client_id(org: str, name: str) -> str:
    """Of Okta's shape: 20 characters that begin with ``0oa``."""
    return "0oa" + stable_guid("okta-client", org, name).replace("-", "")[:17]


def checked(entry: Any, where: str, known: set[str], *required: str) -> dict[str, Any]:
    """A mapping of the seed that holds what it must and nothing unknown.

    :raises InvalidSeed: naming the member
    """
    if not isinstance(entry, dict):
        raise InvalidSeed(f"{where}: a mapping is expected")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise InvalidSeed(f"{where}: unknown field {unknown[0]!r}; one of {', '.join(sorted(known))}")
    missing = [name for name in required if not entry.get(name)]
    if missing:
        raise InvalidSeed(f"{where}: {missing[0]} is missing")
    return entry
