# SPDX-License-Identifier: Apache-2.0
"""Who there is: applications and managed identities, with the credentials that prove them.

One record serves both kinds, because Entra treats both as service principals: each has a client id,
an object id, and may trust other issuers through federated credentials.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

APPLICATION = "Application"
MANAGED_IDENTITY = "ManagedIdentity"


@dataclass(frozen=True)
class Password:
    """A client secret. Its text is shown once and never stored; ``digest`` recognises it.

    :param start, end: seconds since the epoch
    :param usable_from: when the last of Entra's replicas knows it; until then a login with it may fail
    :param lag: seconds between its making and ``usable_from``
    :param hint: the first three characters, as Graph shows them
    """

    key_id: str
    display_name: str | None
    start: float
    end: float
    usable_from: float
    hint: str
    salt: str = field(repr=False)
    digest: str = field(repr=False)
    lag: float = 0.0

    def matches(self, text: str) -> bool:
        """Whether the text is this password's."""
        return hmac.compare_digest(self.digest, digest_of(self.salt, text))


def digest_of(salt: str, text: str) -> str:
    """What is kept of a password's text."""
    # One round is enough: the text is 240 random bits, there is no dictionary to try.
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


@dataclass(frozen=True)
class Certificate:
    """A public key that client assertions may be signed with; ``der`` is base64."""

    key_id: str
    display_name: str | None
    start: float
    end: float
    der: str = field(repr=False)


@dataclass(frozen=True)
class TrustedSubject:
    """Certificates of one name and one authority are good; ``authority`` is its own, DER in base64."""

    subject: str
    authority: str = field(repr=False)


@dataclass(frozen=True)
class FederatedCredential:
    """Trust in another issuer's tokens; all three are compared exactly, case included.

    :param usable_from, lag: as a password's
    """

    id: str
    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    description: str | None = None
    usable_from: float = 0.0
    lag: float = 0.0


@dataclass(frozen=True)
class Identity:
    """An application with its service principal, or a managed identity.

    :param client_id: also called application id
    :param principal_id: object id of the service principal, the one that roles are assigned to
    :param application_id: object id of the application registration; empty for a managed identity
    :param resource_id: ARM id of a managed identity; empty for an application
    :param owners: object ids of the principals that own the application
    :param app_roles: Microsoft Graph application permissions, for example ``Application.Read.All``
    """

    kind: str
    name: str
    client_id: str
    principal_id: str
    application_id: str = ""
    resource_id: str = ""
    enabled: bool = True
    owners: tuple[str, ...] = ()
    app_roles: tuple[str, ...] = ()
    created: float = 0.0
    location: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    passwords: tuple[Password, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    federated: tuple[FederatedCredential, ...] = ()
    trusted_subjects: tuple[TrustedSubject, ...] = ()

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Identity:
        parts = {
            "owners": tuple(document["owners"]),
            "app_roles": tuple(document["app_roles"]),
            "passwords": tuple(Password(**entry) for entry in document["passwords"]),
            "certificates": tuple(Certificate(**entry) for entry in document["certificates"]),
            "trusted_subjects": tuple(
                TrustedSubject(**entry) for entry in document.get("trusted_subjects", ())
            ),
            "federated": tuple(
                FederatedCredential(**{**entry, "audiences": tuple(entry["audiences"])})
                for entry in document["federated"]
            ),
        }
        return cls(**{**document, **parts})


#: Federated credentials that one application or managed identity may hold.
FEDERATED_LIMIT = 20


def federation_conflict(identity: Identity, credential: FederatedCredential) -> str | None:
    """Why a credential may not be added: ``limit`` or ``duplicate`` (of issuer and subject); else None."""
    others = [c for c in identity.federated if c.name.lower() != credential.name.lower()]
    if len(others) >= FEDERATED_LIMIT:
        return "limit"
    pair = (credential.issuer, credential.subject)
    return "duplicate" if any((c.issuer, c.subject) == pair for c in others) else None
