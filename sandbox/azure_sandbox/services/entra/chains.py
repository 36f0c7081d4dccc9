# SPDX-License-Identifier: Apache-2.0
"""Subject name and issuer: a certificate that nobody registered, of a name and an authority that are.

The assertion's header carries the chain (``x5c``); the leaf may then be renewed without telling Entra.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from azure_sandbox.kernel.identity import TrustedSubject

DER = Encoding.DER
_LONGEST_CHAIN = 10


def trusted_leaf(trusted: Sequence[TrustedSubject], chain: object, now: float) -> x509.Certificate | None:
    """The first certificate of the chain where a trusted authority stands behind its registered name."""
    if not trusted or not isinstance(chain, list) or not 0 < len(chain) <= _LONGEST_CHAIN:
        return None
    try:
        loaded = [x509.load_der_x509_certificate(base64.b64decode(str(entry))) for entry in chain]
    except ValueError:
        return None
    moment = datetime.fromtimestamp(now, timezone.utc)
    if not all(c.not_valid_before_utc <= moment < c.not_valid_after_utc for c in loaded):
        return None
    leaf = loaded[0]
    for subject in trusted:
        authority = x509.load_der_x509_certificate(base64.b64decode(subject.authority))
        if subject.subject in _names(leaf) and _leads_to(loaded, authority):
            return leaf
    return None


def _names(leaf: x509.Certificate) -> set[str]:
    """Common names, and DNS names of the extension."""
    names = {str(attribute.value) for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return names
    return names | set(extension.value.get_values_for_type(x509.DNSName))


def _leads_to(chain: Sequence[x509.Certificate], authority: x509.Certificate) -> bool:
    """Whether each certificate was issued by the next, and one of them by the authority."""
    for number, certificate in enumerate(chain):
        if _issued(certificate, authority):
            return True
        if number + 1 == len(chain) or not _issued(certificate, chain[number + 1]):
            return False
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
