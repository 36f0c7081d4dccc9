# SPDX-License-Identifier: Apache-2.0
"""Assertions of other issuers: does a federated credential trust this one, and did its issuer sign it?

Rules: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations (exact
comparison, RS256 only, the first 100 keys of the issuer).
"""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.discovery import signing_keys
from azure_sandbox.kernel.identity import MANAGED_IDENTITY, FederatedCredential, Identity
from azure_sandbox.kernel.inward import Unreachable
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.kernel.tokens import InvalidToken, signed_claims
from azure_sandbox.services.entra import errors
from azure_sandbox.services.entra.jwt import Assertion, check_times

ALGORITHM = "RS256"
#: Keys of an issuer that are looked at; what it publishes beyond them is not seen.
KEYS_LOOKED_AT = 100


async def check(cloud: Cloud, identity: Identity, assertion: Assertion) -> None:
    """Whether another issuer's assertion proves the identity; returns where it does.

    :raises azure_sandbox.kernel.errors.AzureError: with the AADSTS number of what is wrong
    """
    algorithm = assertion.header.get("alg")
    if not isinstance(algorithm, str):
        raise errors.malformed_assertion()
    if algorithm != ALGORITHM:
        raise errors.unsupported_algorithm(algorithm, federated=True)
    _match(cloud, identity, assertion)
    check_times(cloud, assertion)
    if assertion.claim("iss") == cloud.entra.url:
        _check_own(cloud, assertion)
    else:
        await _check_foreign(cloud, assertion)


def _match(cloud: Cloud, identity: Identity, assertion: Assertion) -> FederatedCredential:
    """The federated credential that trusts this assertion: issuer, then subject, then audience."""
    held = _known(cloud, identity)
    if not held:
        raise errors.no_federated_credential(identity.client_id, identity.name)
    issuer, subject = assertion.claim("iss"), assertion.claim("sub")
    of_issuer = [c for c in held if c.issuer == issuer]
    if not of_issuer:
        raise errors.no_matching_credential(700211, "issuer", issuer)
    of_subject = [c for c in of_issuer if c.subject == subject]
    if not of_subject and any(c.subject.lower() == subject.lower() for c in of_issuer):
        raise errors.subject_differs_in_case(subject)
    if not of_subject:
        raise errors.no_matching_credential(700213, "subject", subject)
    for credential in of_subject:
        if any(audience in credential.audiences for audience in assertion.audiences):
            return credential
    raise errors.no_matching_credential(700212, "audience", ", ".join(assertion.audiences))


def _known(cloud: Cloud, identity: Identity) -> list[FederatedCredential]:
    replica = cloud.lags.replica()
    return [c for c in identity.federated if cloud.lags.knows(replica, c.id, c.usable_from, c.lag)]


def _check_own(cloud: Cloud, assertion: Assertion) -> None:
    """Entra's own token: only a managed identity's may be exchanged (identity.md 0, fact 6)."""
    subject = cloud.port(Registry).identity(assertion.claim("sub"))
    if subject is None or subject.kind != MANAGED_IDENTITY:
        raise errors.own_token()
    kid = assertion.header.get("kid")
    if kid != cloud.entra.kid:
        raise errors.unknown_federated_key(str(kid), cloud.entra.url)
    try:
        cloud.entra.verify(assertion.token, cloud.clock.time_of("entra"))
    except InvalidToken:
        raise errors.unverified_federation(cloud.entra.url) from None


async def _check_foreign(cloud: Cloud, assertion: Assertion) -> None:
    issuer, kid = assertion.claim("iss"), assertion.header.get("kid")
    try:
        keys = await signing_keys(cloud, issuer)
    except Unreachable:
        raise errors.issuer_unreachable() from None
    key = next((key for key in keys[:KEYS_LOOKED_AT] if kid is not None and key.get("kid") == kid), None)
    if key is None:
        raise errors.unknown_federated_key(str(kid), issuer)
    try:
        signed_claims(assertion.token, key, (ALGORITHM,))
    except InvalidToken:
        raise errors.unverified_federation(issuer) from None
