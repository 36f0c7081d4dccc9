# SPDX-License-Identifier: Apache-2.0
"""Client assertions: JWTs that stand in for a secret.

Signed by a certificate's key that is registered on the application, or by another issuer that a
federated credential trusts (https://learn.microsoft.com/entra/workload-id/workload-identity-federation).
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import MANAGED_IDENTITY, Certificate, FederatedCredential, Identity
from azure_sandbox.kernel.ports import AssertionIssuers, Registry
from azure_sandbox.kernel.tokens import InvalidToken
from azure_sandbox.services.entra import errors

_SKEW = 300
_SCHEMES: dict[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size),
}


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
            header, claims = (json.loads(_unpadded(part)) for part in parts[:2])
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


def check(cloud: Cloud, identity: Identity, token: str) -> None:
    """Whether a client assertion proves the identity; returns where it does.

    :raises azure_sandbox.kernel.errors.AzureError: with the AADSTS number of what is wrong
    """
    assertion = Assertion.parse(token)
    if "x5t" in assertion.header or "x5t#S256" in assertion.header:
        _check_certificate(cloud, identity, assertion)
    else:
        _check_federated(cloud, identity, assertion)


def _check_certificate(cloud: Cloud, identity: Identity, assertion: Assertion) -> None:
    wanted = identity.client_id.lower()
    if assertion.claim("iss").lower() != wanted or assertion.claim("sub").lower() != wanted:
        raise errors.assertion_of_another()
    certificate = next((c for c in identity.certificates if _is_signer(c, assertion.header)), None)
    if certificate is None:
        raise errors.bad_signature("The key was not found.")
    if not _is_signed_by(certificate, assertion):
        raise errors.bad_signature("The key was found, but the signature is wrong.")
    _check_times(cloud, assertion)
    realms = tuple(f"https://{host}/{cloud.tenant_id}/" for host in cloud.azure.login)
    if not any(audience.startswith(realms) for audience in assertion.audiences):
        raise errors.assertion_for_another()


def _check_federated(cloud: Cloud, identity: Identity, assertion: Assertion) -> None:
    _match(cloud, identity, assertion)
    _check_times(cloud, assertion)
    try:
        if assertion.claim("iss") == cloud.entra.url:
            cloud.entra.verify(assertion.token, cloud.clock.time_of("entra"))
        else:
            cloud.port(AssertionIssuers).verify(assertion.token)
    except InvalidToken:
        raise errors.bad_signature("The key was not found.") from None


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
    if not of_subject or not _may_be_subject(cloud, issuer, subject):
        raise errors.no_matching_credential(700213, "subject", subject)
    for credential in of_subject:
        if any(audience in credential.audiences for audience in assertion.audiences):
            return credential
    raise errors.no_matching_credential(700212, "audience", ", ".join(assertion.audiences))


def _known(cloud: Cloud, identity: Identity) -> list[FederatedCredential]:
    replica = cloud.lags.replica()
    return [c for c in identity.federated if cloud.lags.knows(replica, c.id, c.usable_from, c.lag)]


def _may_be_subject(cloud: Cloud, issuer: str, subject: str) -> bool:
    """Of Entra's own tokens, only a managed identity's may be exchanged (identity.md 0, fact 6)."""
    if issuer != cloud.entra.url:
        return True
    identity = cloud.port(Registry).identity(subject)
    return identity is not None and identity.kind == MANAGED_IDENTITY


def _check_times(cloud: Cloud, assertion: Assertion) -> None:
    now, start, end = (
        cloud.clock.time_of("entra"),
        assertion.moment("nbf", 0.0),
        assertion.moment("exp", -1.0),
    )
    if not start - _SKEW <= now < end:
        raise errors.assertion_expired(now, start, end)


def _is_signer(certificate: Certificate, header: dict[str, Any]) -> bool:
    der = base64.b64decode(certificate.der)
    # SHA-1 is what the header "x5t" is (RFC 7515 4.1.7); it names the key, it does not prove anything.
    prints = {"x5t": hashlib.sha1(der, usedforsecurity=False), "x5t#S256": hashlib.sha256(der)}
    # MSAL pads the thumbprint, the RFC does not.
    return any(
        _encoded(digest.digest()) == str(header.get(name)).rstrip("=") for name, digest in prints.items()
    )


def _is_signed_by(certificate: Certificate, assertion: Assertion) -> bool:
    key = x509.load_der_x509_certificate(base64.b64decode(certificate.der)).public_key()
    scheme = _SCHEMES.get(str(assertion.header.get("alg")))
    if scheme is None or not isinstance(key, RSAPublicKey):
        return False
    signed, _, signature = assertion.token.rpartition(".")
    try:
        key.verify(_unpadded(signature), signed.encode(), scheme, hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
