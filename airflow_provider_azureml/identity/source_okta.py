# SPDX-License-Identifier: Apache-2.0
"""Okta vouches: a service app proves itself with a key, and its access token is the assertion.

Only a custom authorization server can have Entra's exchange audience (identity.md 1.2.2). Protocol:
client credentials with `private_key_jwt` (RFC 7523); the federated credential's issuer is `issuer_url`,
to the letter, and its subject the service app's client id.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity.assertion import Fetch, Kept, Mask, usable
from airflow_provider_azureml.identity.source_http import ask, fetched, unreadable
from airflow_provider_azureml.identity.vaulted import in_file, in_vault
from airflow_provider_azureml.rest.flow import Flow, Request

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_LIFETIME = 300
"""Seconds for which the proof of the key is good; Okta takes up to an hour."""
_PEM = re.compile(r"-----BEGIN (?:RSA )?PRIVATE KEY-----(.*?)-----END", re.DOTALL)


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that gives Okta's access token, kept until a minute before its end."""
    return Kept(lambda: fetched(settings, exchange(settings, mask)))


def exchange(settings: Settings, mask: Mask) -> Flow[str]:
    """A proof of the key for an access token."""
    source, url = f"Okta '{settings.issuer_url}'", f"{settings.issuer_url}/v1/token"
    form = {
        "grant_type": "client_credentials",
        "scope": settings.source_scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": _proof(settings, url, mask),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = Request("POST", url, content=urlencode(form).encode(), headers=headers)
    answer = (yield from ask(settings, request, source)).json()
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise unreadable(settings, source, request.operation)
    mask(token)
    return usable(token, source, settings.assertion_audience or settings.cloud.assertion_audience)[0]


def _proof(settings: Settings, url: str, mask: Mask) -> str:
    """A token that only the holder of the key can make (RFC 7523)."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    now = int(time.time())
    header: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}
    if settings.source_key_id:
        header["kid"] = settings.source_key_id
    who = {"iss": settings.source_client_id, "sub": settings.source_client_id, "aud": url}
    claims = {**who, "iat": now, "exp": now + _LIFETIME, "jti": str(uuid.uuid4())}
    signed = f"{_encoded(header)}.{_encoded(claims)}"
    signature = _key(settings, mask).sign(signed.encode(), PKCS1v15(), SHA256())
    proof = f"{signed}.{_base64(signature)}"
    mask(proof)
    return proof


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _key(settings: Settings, mask: Mask) -> RSAPrivateKey:
    name, text = _key_text(settings, mask)
    mask(text)
    key = read_key(text)
    if key is None:
        problem, mend = "holds no RSA private key in PEM.", "Give it unencrypted, BEGIN and END lines too."
        raise settings.error(name, problem, mend)
    return key


def _key_text(settings: Settings, mask: Mask) -> tuple[str, str]:
    """Where the key is, and the key; read for each proof, so that a renewed one is found."""
    if settings.password:
        return "password", settings.password
    if settings.source_key_file:
        return "source_key_file", in_file(settings, "source_key_file").text
    return "credential_name", in_vault(settings, mask).text


def read_key(text: str) -> RSAPrivateKey | None:
    """An RSA key from PEM, even when a one-line form field has eaten its line ends; None when it is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    found = _PEM.search(text)
    if found is None:
        return None
    try:
        der = base64.b64decode(re.sub(r"\\n|\s", "", found[1]), validate=True)
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, binascii.Error):
        return None
    return key if isinstance(key, RSAPrivateKey) else None
