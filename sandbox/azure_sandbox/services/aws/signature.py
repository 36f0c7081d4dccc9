# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4, verified: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import parse_qsl, quote

from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.aws import errors
from azure_sandbox.services.aws.accounts import Accounts
from azure_sandbox.services.aws.records import Signer

_ALGORITHM = "AWS4-HMAC-SHA256"
#: Seconds that a request's date may differ from ours.
_TOLERANCE = 300.0
_PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")


@dataclass(frozen=True)
class Authorization:
    """The header, taken apart. ``scope`` is ``DATE/REGION/SERVICE/aws4_request``."""

    access_key: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, header: str) -> Authorization:
        """:raises azure_sandbox.kernel.errors.AzureError: MissingAuthenticationToken, IncompleteSignature"""
        if not header:
            raise errors.missing_authentication()
        parts = dict(_PART.findall(header))
        for name in ("Credential", "Signature", "SignedHeaders"):
            if name not in parts:
                raise errors.incomplete_signature(f"'{name}' parameter")
        access_key, _, scope = parts["Credential"].partition("/")
        if not header.startswith(_ALGORITHM) or len(scope.split("/")) != 4:
            raise errors.incomplete_signature("a credential scope of Signature Version 4")
        signed = tuple(parts["SignedHeaders"].split(";"))
        if "host" not in signed:
            raise errors.incomplete_signature("'host' among the signed headers")
        return cls(access_key, scope, signed, parts["Signature"])


async def verified(accounts: Accounts, call: Call, service: str, region: str) -> Signer:
    """Who signed the request, once that is certain.

    :param region: the one whose endpoint was asked
    :raises azure_sandbox.kernel.errors.AzureError: in AWS's words
    """
    given = Authorization.parse(call.headers.get("authorization", ""))
    key = accounts.key(given.access_key)
    if key is None or not hmac.compare_digest(
        str(key.get("token", "")).encode(), call.headers.get("x-amz-security-token", "").encode()
    ):
        raise errors.unknown_key()
    _check_scope(given.scope, service, region)
    date = call.headers.get("x-amz-date", "")
    _check_date(date, call.cloud.clock.time())
    wanted = _signature(key["secret"], given.scope, date, await _canonical(call, given.signed_headers))
    if not hmac.compare_digest(wanted.encode(), given.signature.encode()):
        raise errors.wrong_signature()
    signer = accounts.signer(key)
    if signer is None:
        raise errors.unknown_key()
    if signer.session and signer.ends <= call.cloud.clock.time():
        raise errors.expired_token()
    return signer


def _check_scope(scope: str, service: str, region: str) -> None:
    _, named_region, named_service, _ = scope.split("/")
    if named_region != region:
        raise errors.wrong_region()
    if named_service != service:
        raise errors.wrong_service(service)


def _check_date(date: str, now: float) -> None:
    try:
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise errors.incomplete_signature("existence of either a 'X-Amz-Date' or a 'Date' header") from None
    if abs(sent - now) > _TOLERANCE:
        raise errors.wrong_time(sent, now, _TOLERANCE)


async def _canonical(call: Call, signed: tuple[str, ...]) -> str:
    raw = call.request.scope.get("raw_path", b"/").decode("ascii", "replace").partition("?")[0]
    headers = "".join(f"{name}:{_trimmed(call.headers, name)}\n" for name in signed)
    digest = hashlib.sha256(await call.body()).hexdigest()
    query = _canonical_query(call.request.scope.get("query_string", b"").decode("ascii", "replace"))
    return "\n".join((call.request.method, raw or "/", query, headers, ";".join(signed), digest))


def _trimmed(headers: Mapping[str, str], name: str) -> str:
    return " ".join(headers.get(name, "").split())


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _signature(secret: str, scope: str, date: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, date, scope, digest))
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
