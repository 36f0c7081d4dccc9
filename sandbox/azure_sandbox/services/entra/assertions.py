# SPDX-License-Identifier: Apache-2.0
"""Client assertions: JWTs that stand in for a secret.

Signed by a certificate's key that is registered on the application, by one whose subject name and issuer
are, or by another issuer (``federation.py``). Source:
https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from azure_sandbox.kernel.clock import utc
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.services.entra import chains, errors, federation
from azure_sandbox.services.entra.jwt import Assertion, check_times, unpadded

_SCHEMES: dict[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size),
}
_PRINTS = ("x5t", "x5t#S256")


async def check(cloud: Cloud, identity: Identity, token: str) -> None:
    """Whether a client assertion proves the identity; returns where it does.

    :raises azure_sandbox.kernel.errors.AzureError: with the AADSTS number of what is wrong
    """
    assertion = Assertion.parse(token)
    if any(name in assertion.header for name in _PRINTS):
        _check_certificate(cloud, identity, assertion)
    else:
        await federation.check(cloud, identity, assertion)


def _check_certificate(cloud: Cloud, identity: Identity, assertion: Assertion) -> None:
    algorithm = str(assertion.header.get("alg"))
    if algorithm not in _SCHEMES:
        raise errors.unsupported_algorithm(algorithm, federated=False)
    wanted = identity.client_id.lower()
    if assertion.claim("iss").lower() != wanted or assertion.claim("sub").lower() != wanted:
        raise errors.assertion_of_another()
    certificate = _signer(cloud, identity, assertion.header)
    thumbprint = _thumbprint(assertion.header)
    if certificate is None:
        raise errors.certificate_not_registered(cloud, identity.client_id, thumbprint)
    expired = certificate.not_valid_after_utc.timestamp() <= cloud.clock.time_of("entra")
    if expired or not _is_signed_by(certificate, assertion):
        raise errors.bad_signature(
            cloud, identity.client_id, thumbprint, _validity(certificate), expired=expired
        )
    check_times(cloud, assertion)
    realms = tuple(f"https://{host}/{cloud.tenant_id}/" for host in cloud.azure.login)
    if not any(audience.startswith(realms) for audience in assertion.audiences):
        raise errors.assertion_for_another()


def _signer(cloud: Cloud, identity: Identity, header: dict[str, Any]) -> x509.Certificate | None:
    """The registered certificate that a header names, or a trusted authority's for a registered name."""
    for held in identity.certificates:
        der = base64.b64decode(held.der)
        if _is_named(der, header):
            return x509.load_der_x509_certificate(der)
    leaf = chains.trusted_leaf(identity.trusted_subjects, header.get("x5c"), cloud.clock.time_of("entra"))
    if leaf is not None and _is_named(leaf.public_bytes(chains.DER), header):
        return leaf
    return None


def _is_named(der: bytes, header: dict[str, Any]) -> bool:
    # SHA-1 is what the header "x5t" is (RFC 7515 4.1.7); it names the key, it does not prove anything.
    prints = {"x5t": hashlib.sha1(der, usedforsecurity=False), "x5t#S256": hashlib.sha256(der)}
    # MSAL pads the thumbprint, the RFC does not.
    return any(
        _encoded(digest.digest()) == str(header.get(name)).rstrip("=") for name, digest in prints.items()
    )


def _thumbprint(header: dict[str, Any]) -> str:
    """In hexadecimal, as Entra shows it; empty where the header holds no base64."""
    try:
        return unpadded(str(next(header[name] for name in _PRINTS if name in header))).hex().upper()
    except ValueError:
        return ""


def _validity(certificate: x509.Certificate) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return ", ".join(
        f"{name}={utc(moment.timestamp()):%m/%d/%Y %H:%M:%S}"
        for name, moment in (("Start", start), ("End", end))
    )


def _is_signed_by(certificate: x509.Certificate, assertion: Assertion) -> bool:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    signed, _, signature = assertion.token.rpartition(".")
    scheme = _SCHEMES[str(assertion.header.get("alg"))]
    try:
        key.verify(unpadded(signature), signed.encode(), scheme, hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
