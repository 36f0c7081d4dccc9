# SPDX-License-Identifier: Apache-2.0
"""What an OIDC issuer publishes, really fetched from it (OpenID Connect Discovery 1.0, chapter 4)."""

from __future__ import annotations

import json
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.inward import Unreachable
from azure_sandbox.kernel.ports import Web

WELL_KNOWN = "/.well-known/openid-configuration"

Document = dict[str, Any]


async def signing_keys(cloud: Cloud, issuer: str) -> list[Document]:
    """The keys of an issuer, in its own order.

    :raises Unreachable: where its document or its keys are not to be had, or are somebody else's
    """
    document = await _fetched(cloud, issuer.rstrip("/") + WELL_KNOWN)
    if document.get("issuer") != issuer:
        raise Unreachable(f"the document of {issuer} says that it is {document.get('issuer')}'s")
    keys = (await _fetched(cloud, str(document.get("jwks_uri")))).get("keys")
    if not isinstance(keys, list):
        raise Unreachable(f"{issuer} publishes no keys")
    return [key for key in keys if isinstance(key, dict)]


def configuration(issuer: str, jwks_uri: str, algorithms: tuple[str, ...] = ("RS256",)) -> Document:
    """The discovery document of an issuer that signs tokens and does nothing else."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(algorithms),
    }


async def _fetched(cloud: Cloud, url: str) -> Document:
    content = await cloud.port(Web).get(url)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreachable(f"{url} holds no JSON") from None
    if not isinstance(document, dict):
        raise Unreachable(f"{url} holds no JSON object")
    return document
