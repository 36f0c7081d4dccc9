# SPDX-License-Identifier: Apache-2.0
"""Another issuer's token as proof: what ``AssumeRoleWithWebIdentity`` believes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.discovery import signing_keys
from azure_sandbox.kernel.inward import Unreachable
from azure_sandbox.kernel.tokens import (
    Claims,
    InvalidToken,
    header_of,
    signed_claims,
    unverified_claims,
)
from azure_sandbox.services.aws import errors
from azure_sandbox.services.aws.records import WebTrust


async def trusted_subject(
    cloud: Cloud, token: str, trusts: Iterable[WebTrust], own: Collection[str]
) -> WebTrust:
    """The trust that a token satisfies.

    :param own: AWS's own issuers, whose tokens it does not take back
    :raises azure_sandbox.kernel.errors.AzureError: in AWS's words
    """
    try:
        issuer = str(unverified_claims(token).get("iss"))
    except InvalidToken:
        raise _invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from None
    of_issuer = [trust for trust in trusts if trust.issuer == issuer]
    if issuer in own or not of_issuer:
        raise _invalid("No OpenIDConnect provider found in your account for " + issuer)
    claims = await _verified(cloud, token, issuer)
    end = claims.get("exp")
    if not isinstance(end, (int, float)) or end <= cloud.clock.time():
        raise errors.refused(
            400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration"
        )
    value = claims.get("aud")
    audiences = value if isinstance(value, list) else [value]
    of_audience = [trust for trust in of_issuer if trust.audience in audiences]
    if not of_audience:
        raise _invalid("Incorrect token audience")
    for trust in of_audience:
        if trust.subject == claims.get("sub"):
            return trust
    raise errors.refused(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")


async def _verified(cloud: Cloud, token: str, issuer: str) -> Claims:
    try:
        keys = await signing_keys(cloud, issuer)
    except Unreachable:
        raise errors.refused(
            400,
            "IDPCommunicationError",
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements",
        ) from None
    try:
        kid = header_of(token).get("kid")
        key = next((key for key in keys if key.get("kid") == kid), None)
        if key is None:
            raise InvalidToken("key")
        return signed_claims(token, key, ("RS256", "RS384", "RS512", "ES256", "ES384"))
    except InvalidToken:
        raise _invalid("The provided token could not be verified with the keys of its issuer") from None


def _invalid(text: str) -> Exception:
    return errors.refused(400, "InvalidIdentityToken", text)
