# SPDX-License-Identifier: Apache-2.0
"""What an application may do to applications: Graph's permissions and the credentials' rules.

Permissions: https://learn.microsoft.com/graph/permissions-reference (Application.*); addPassword and
removePassword: https://learn.microsoft.com/graph/api/application-addpassword.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from cryptography import x509

from azure_sandbox.kernel.clock import hours, parse_iso
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.identity import (
    APPLICATION,
    Certificate,
    FederatedCredential,
    Identity,
    Password,
    federation_conflict,
)
from azure_sandbox.kernel.operation import Call, Caller
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.services.graph.groups import GroupService
from azure_sandbox.services.graph.query import alternate_key
from azure_sandbox.services.graph.refusals import bad_request, conflict, denied, holds, missing

READ_ALL = {
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
}
_WRITE_ALL = {"Application.ReadWrite.All"}
_OWNED = "Application.ReadWrite.OwnedBy"
#: A password lives two years where the caller does not say.
_DEFAULT_LIFE = hours(24 * 730)

Body = dict[str, Any]


class Graph:
    """Applications and service principals as one caller sees them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.groups = GroupService(cloud)

    @property
    def _registry(self) -> Registry:
        return self._cloud.port(Registry)

    def visible(self, caller: Caller, *, applications: bool) -> list[Identity]:
        """All rows the caller may read: every application, or every service principal.

        :raises AzureError: 403 where the caller may read none at all
        """
        if not holds(caller, READ_ALL | {_OWNED}):
            raise denied()
        rows = [i for i in self._registry.identities() if _is_one(i, applications)]
        return [row for row in rows if _may(caller, READ_ALL, row)]

    def readable(self, caller: Caller, identifier: str, *, by: str, applications: bool) -> Identity:
        """One row.

        :param by: the attribute that ``identifier`` is: ``client_id``, ``application_id``, ``principal_id``
        :param applications: True where a managed identity, which has no application, is not meant
        :raises AzureError: 403, or 404 where nobody goes by this id
        """
        return self._find(caller, identifier, by, applications, READ_ALL)

    def writable(self, caller: Caller, identifier: str, *, by: str, applications: bool) -> Identity:
        """One row that the caller may change; raises as :meth:`readable`."""
        return self._find(caller, identifier, by, applications, _WRITE_ALL)

    def permitted(self, roles: set[str]) -> Find:
        """Finds as :meth:`readable`, for who has one of these permissions."""
        return partial(self._find, roles=roles)

    def owner(self, caller: Caller, identifier: str, *, by: str, applications: bool) -> Identity:
        """One whose possessions the caller may see: anybody, or with ``OwnedBy`` itself alone.

        :raises AzureError: 403, or 404 where nobody goes by this id
        """
        found = self._find(caller, identifier, by, applications, READ_ALL | {_OWNED})
        if not holds(caller, READ_ALL) and found.principal_id != caller.object_id:
            raise denied()
        return found

    def owned(self, owner: Identity) -> list[Identity]:
        """The applications that somebody owns."""
        return [one for one in self._registry.identities() if owner.principal_id in one.owners]

    def rename(self, application: Identity, body: Body) -> None:
        """PATCH of ``displayName``."""
        name = body.get("displayName")
        if not isinstance(name, str) or not name.strip():
            raise bad_request("Invalid value specified for property 'displayName' of resource.")
        self._registry.save(replace(application, name=name))

    def principal(self, object_id: str) -> Identity | None:
        """Somebody by object id, whoever asks."""
        found = self._registry.identity(object_id)
        return found if found and found.principal_id.lower() == object_id.lower() else None

    def save(self, identity: Identity) -> None:
        """Keep a row that was changed."""
        self._registry.save(identity)

    def add_password(self, application: Identity, body: Body) -> tuple[Password, str]:
        asked = body.get("passwordCredential") or {}
        if not isinstance(asked, dict):
            raise bad_request("Invalid value specified for property 'passwordCredential' of resource.")
        start = _moment(asked, "startDateTime", self._cloud.clock.time())
        end = _moment(asked, "endDateTime", start + _DEFAULT_LIFE)
        if end <= start:
            raise bad_request("Key credential end date is invalid.")
        name = asked.get("displayName")
        return self._registry.add_password(
            application.client_id, name if isinstance(name, str) else None, start, end
        )

    def remove_password(self, application: Identity, body: Body) -> None:
        key_id = body.get("keyId")
        if not isinstance(key_id, str):
            raise bad_request("Required parameter 'keyId' is missing.")
        if not self._registry.remove_password(application.client_id, key_id):
            raise bad_request("No password credential found with keyId.")

    def replace_keys(self, application: Identity, body: Body) -> None:
        """PATCH of ``keyCredentials``: the whole list, old ones named by ``keyId`` alone."""
        unknown = sorted(set(body) - {"keyCredentials"})
        if unknown:
            raise bad_request(f"Property '{unknown[0]}' cannot be updated in this sandbox.")
        self._registry.save(replace(application, certificates=certificates_of(body, application)))

    def set_enabled(self, principal: Identity, body: Body) -> None:
        enabled = body.get("accountEnabled")
        if set(body) != {"accountEnabled"} or not isinstance(enabled, bool):
            raise bad_request("Only 'accountEnabled' can be updated in this sandbox.")
        self._registry.save(replace(principal, enabled=enabled))

    def add_federated(self, application: Identity, body: Body) -> FederatedCredential:
        lag = self._cloud.lags.settings.federated_credential
        credential = replace(
            _federated(str(uuid.uuid4()), body), usable_from=self._cloud.clock.time() + lag, lag=lag
        )
        if any(held.name.lower() == credential.name.lower() for held in application.federated):
            raise conflict(f"FederatedIdentityCredential with name {credential.name} already exists.")
        return self._put_federated(application, credential)

    def update_federated(self, application: Identity, identifier: str, body: Body) -> FederatedCredential:
        held = self.federated(application, identifier)
        current = {
            "name": held.name,
            "issuer": held.issuer,
            "subject": held.subject,
            "audiences": list(held.audiences),
            "description": held.description,
        }
        changed = _federated(held.id, {**current, **body, "name": held.name})
        return self._put_federated(application, replace(changed, usable_from=held.usable_from, lag=held.lag))

    def remove_federated(self, application: Identity, identifier: str) -> None:
        held = self.federated(application, identifier)
        kept = tuple(entry for entry in application.federated if entry.id != held.id)
        self._registry.save(replace(application, federated=kept))

    def federated(self, application: Identity, identifier: str) -> FederatedCredential:
        """By id or name."""
        for entry in application.federated:
            if identifier.lower() in (entry.id.lower(), entry.name.lower()):
                return entry
        raise missing(identifier)

    def _put_federated(self, application: Identity, credential: FederatedCredential) -> FederatedCredential:
        problem = federation_conflict(application, credential)
        if problem == "limit":
            raise bad_request("The maximum number of federated identity credentials is 20.")
        if problem == "duplicate":
            raise conflict(
                "FederatedIdentityCredential with same issuer and subject already exists on this application."
            )
        kept = tuple(entry for entry in application.federated if entry.id != credential.id)
        self._registry.save(replace(application, federated=(*kept, credential)))
        return credential

    def _find(
        self, caller: Caller, identifier: str, by: str, applications: bool, roles: set[str]
    ) -> Identity:
        if not holds(caller, roles | {_OWNED}):
            raise denied()
        identity = self._registry.identity(identifier)
        if identity is None or str(getattr(identity, by)).lower() != identifier.lower():
            raise missing(identifier)
        if not _is_one(identity, applications):
            raise missing(identifier)
        if not _may(caller, roles, identity):
            raise denied()
        return identity


def _is_one(identity: Identity, applications: bool) -> bool:
    return identity.kind == APPLICATION if applications else bool(identity.principal_id)


def _may(caller: Caller, roles: set[str], identity: Identity) -> bool:
    return holds(caller, roles) or (holds(caller, {_OWNED}) and caller.object_id in identity.owners)


def _moment(body: Body, name: str, default: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    try:
        return parse_iso(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise bad_request(
            f"Cannot convert the literal '{value}' to the expected type 'Edm.DateTimeOffset'."
        ) from None


def certificates_of(body: Body, application: Identity | None = None) -> tuple[Certificate, ...]:
    """``keyCredentials`` of a body; those that an application has already may be named alone.

    :raises AzureError: 400 where they are no certificates
    """
    entries = body.get("keyCredentials")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise bad_request("Invalid value specified for property 'keyCredentials' of resource.")
    held = {c.key_id: c for c in application.certificates} if application else {}
    return tuple(held.get(str(entry.get("keyId"))) or _certificate(entry) for entry in entries)


def _certificate(entry: Body) -> Certificate:
    try:
        # az sends the lines of a PEM file as they are.
        der = base64.b64decode("".join((entry.get("key") or "").split()), validate=True)
        loaded = x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise AzureError(400, "KeyCredentialsInvalidValue", "Key credential value is invalid.") from None
    name = entry.get("displayName")
    return Certificate(
        str(uuid.uuid4()),
        name if isinstance(name, str) else None,
        loaded.not_valid_before_utc.timestamp(),
        loaded.not_valid_after_utc.timestamp(),
        base64.b64encode(der).decode(),
    )


def _federated(identifier: str, body: Body) -> FederatedCredential:
    for name in ("name", "issuer", "subject"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise bad_request(f"Invalid value specified for property '{name}' of resource.")
    audiences = body.get("audiences")
    if not isinstance(audiences, list) or len(audiences) != 1 or not isinstance(audiences[0], str):
        raise bad_request("Invalid value specified for property 'audiences' of resource.")
    description = body.get("description")
    return FederatedCredential(
        identifier,
        body["name"],
        body["issuer"],
        body["subject"],
        tuple(audiences),
        description if isinstance(description, str) else None,
    )


Find = Callable[..., Identity]


def addressed(find: Find, call: Call, by: str, *, applications: bool) -> Identity:
    """The row that a path names, by its id or by ``(appId='...')``.

    :param find: :meth:`Graph.readable` or :meth:`Graph.writable`
    :param by: the attribute that an id in the path is
    """
    if "key" in call.params:
        by, identifier = "client_id", alternate_key(call.params["key"])
    else:
        identifier = call.params["id"]
    return find(call.caller, identifier, by=by, applications=applications)
