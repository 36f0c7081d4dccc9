# SPDX-License-Identifier: Apache-2.0
"""Applications and managed identities of the seed. What exists already is left as it is."""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.identity import APPLICATION, FederatedCredential, Identity, TrustedSubject
from azure_sandbox.kernel.ports import AssertionIssuers
from azure_sandbox.kernel.seed import InvalidSeed, Seed
from azure_sandbox.services.entra.directory import EntraDirectory

_UAMI = "Microsoft.ManagedIdentity/userAssignedIdentities"


def seed_principals(cloud: Cloud, directory: EntraDirectory, document: Seed) -> None:
    """:raises InvalidSeed: where a name is used twice or names nobody"""
    entries = [("managed_identities", entry) for entry in document.get("managed_identities") or ()]
    entries += [("applications", entry) for entry in document.get("applications") or ()]
    _check_names(entries)
    # All first, their relations after: an application may trust an identity that stands below it.
    created = [
        (section, entry, _create(cloud, directory, section, entry))
        for section, entry in entries
        if directory.identity_by_name(entry["name"]) is None
    ]
    for section, entry, identity in created:
        directory.save(_related(cloud, directory, document, section, entry, identity))


def _check_names(entries: list[tuple[str, dict[str, Any]]]) -> None:
    seen: set[str] = set()
    for section, entry in entries:
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidSeed(f"{section}: every entry needs a name")
        if name in seen:
            raise InvalidSeed(f"{section}: the name {name!r} is used twice")
        seen.add(name)


def _create(cloud: Cloud, directory: EntraDirectory, section: str, entry: dict[str, Any]) -> Identity:
    name = entry["name"]
    if section == "managed_identities":
        if not entry.get("resource_group"):
            raise InvalidSeed(f"managed_identities: {name!r} needs a resource_group")
        resource_id = cloud.resource_scope(entry["resource_group"], _UAMI, name)
        return directory.add_managed_identity(
            resource_id, lambda part: stable_guid("managed-identity", name, part)
        )
    identity = Identity(
        APPLICATION,
        name,
        str(entry.get("app_id") or stable_guid("application", name)),
        stable_guid("service-principal", name),
        application_id=stable_guid("application-object", name),
        created=cloud.clock.time(),
    )
    directory.save(identity)
    return identity


def _related(
    cloud: Cloud,
    directory: EntraDirectory,
    document: Seed,
    section: str,
    entry: dict[str, Any],
    made: Identity,
) -> Identity:
    owners = []
    for owner in entry.get("owners") or ():
        object_id = directory.object_id_by_name(owner)
        if object_id is None:
            raise InvalidSeed(f"{section}: {made.name!r} is owned by {owner!r}, who does not exist")
        owners.append(object_id)
    federated = tuple(
        _federated(cloud, directory, document, made, credential)
        for credential in entry.get("federated_credentials") or ()
    )
    roles = tuple(map(str, entry.get("app_roles") or ()))
    subjects = tuple(_trusted(made, trusted) for trusted in entry.get("certificate_subjects") or ())
    return replace(
        made, owners=tuple(owners), app_roles=roles, federated=federated, trusted_subjects=subjects
    )


def _trusted(owner: Identity, entry: dict[str, Any]) -> TrustedSubject:
    where = f"certificate_subjects of {owner.name!r}"
    if not entry.get("subject") or not entry.get("authority"):
        raise InvalidSeed(f"{where}: subject and authority (a PEM certificate) are needed")
    try:
        authority = x509.load_pem_x509_certificate(str(entry["authority"]).encode())
    except ValueError:
        raise InvalidSeed(f"{where}: authority is no PEM certificate") from None
    der = base64.b64encode(authority.public_bytes(Encoding.DER)).decode()
    return TrustedSubject(str(entry["subject"]), der)


def _federated(
    cloud: Cloud, directory: EntraDirectory, document: Seed, owner: Identity, entry: dict[str, Any]
) -> FederatedCredential:
    where = f"federated_credentials of {owner.name!r}"
    missing = [field for field in ("name", "issuer", "subject") if not entry.get(field)]
    if missing:
        raise InvalidSeed(f"{where}: {missing[0]} is missing")
    subject = _whole(cloud, str(entry["subject"]), where)
    if subject.startswith("identity:"):
        object_id = directory.object_id_by_name(subject.partition(":")[2])
        if object_id is None:
            raise InvalidSeed(f"{where}: subject {subject!r} names no managed identity")
        subject = object_id
    return FederatedCredential(
        str(uuid.uuid4()),
        str(entry["name"]),
        _issuer(cloud, document, str(entry["issuer"]), where),
        subject,
        (_whole(cloud, str(entry.get("audience") or cloud.azure.exchange), where),),
    )


def _whole(cloud: Cloud, text: str, where: str) -> str:
    """A text of a federated credential, or what its short name outside of Azure stands for."""
    try:
        return cloud.foreign.resolve(text)
    except KeyError:
        raise InvalidSeed(f"{where}: {text!r} names nothing in {text.partition(':')[0]}") from None


def _issuer(cloud: Cloud, document: Seed, issuer: str, where: str) -> str:
    if issuer == "entra":
        return cloud.entra.url
    issuer = _whole(cloud, issuer, where)
    if issuer.startswith("https://"):
        return issuer
    if issuer not in {entry.get("name") for entry in document.get("oidc_issuers") or ()}:
        raise InvalidSeed(f"{where}: issuer {issuer!r} is not in oidc_issuers")
    return cloud.port(AssertionIssuers).url(issuer)
