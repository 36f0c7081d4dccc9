# SPDX-License-Identifier: Apache-2.0
"""Entra's directory: who exists, their secrets, and tokens in their name."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.identity import APPLICATION, MANAGED_IDENTITY, Identity, Password, digest_of
from azure_sandbox.kernel.ports import ManagedIdentity
from azure_sandbox.services.entra import resources
from azure_sandbox.services.entra.records import IdentityRecords
from azure_sandbox.services.entra.tokens import access_claims


class EntraDirectory:
    """Implements the ports ``Directory`` and ``Registry``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._records = IdentityRecords(cloud.store)

    # -- Registry

    def identity(self, identifier: str) -> Identity | None:
        return self._records.get(identifier)

    def identity_by_name(self, name: str) -> Identity | None:
        return self._records.by_name(name)

    def identities(self) -> list[Identity]:
        return self._records.all()

    def save(self, identity: Identity) -> None:
        self._records.save(identity)

    def remove(self, identity: Identity) -> None:
        self._records.delete(identity)

    def add_password(
        self, client_id: str, display_name: str | None, start: float, end: float, *, at_once: bool = False
    ) -> tuple[Password, str]:
        identity = self._application(client_id)
        # The shape of Entra's own: 40 characters, the 4th to 6th "8Q~".
        text = f"{secrets.token_urlsafe(2)[:3]}8Q~{secrets.token_urlsafe(30)[:34]}"
        salt = secrets.token_hex(8)
        lag = 0.0 if at_once else self._cloud.lags.settings.app_password
        usable_from, digest = self._cloud.clock.time() + lag, digest_of(salt, text)
        password = Password(
            str(uuid.uuid4()), display_name, start, end, usable_from, text[:3], salt, digest, lag
        )
        with self._cloud.store.transaction():
            self.save(replace(identity, passwords=(*identity.passwords, password)))
            self._record(identity, password, "added")
        return password, text

    def remove_password(self, client_id: str, key_id: str) -> bool:
        identity = self._application(client_id)
        removed = [p for p in identity.passwords if p.key_id.lower() == key_id.lower()]
        kept = tuple(p for p in identity.passwords if p not in removed)
        with self._cloud.store.transaction():
            self.save(replace(identity, passwords=kept))
            for password in removed:
                self._record(identity, password, "removed")
        return bool(removed)

    def _record(self, identity: Identity, password: Password, effect: str) -> None:
        state = {"display_name": password.display_name, "end": password.end}
        subject = f"applications/{identity.client_id}/passwords/{password.key_id}"
        before, after = (state, None) if effect == "removed" else (None, state)
        self._cloud.ledger.record("password", effect, subject, before=before, after=after)

    # -- Directory

    def managed_identity(self, identifier: str) -> ManagedIdentity | None:
        identity = self._records.get(identifier)
        return _managed(identity) if identity and identity.kind == MANAGED_IDENTITY else None

    def create_managed_identity(self, resource_id: str) -> ManagedIdentity:
        existing = self.managed_identity(resource_id)
        if existing is None:
            self.add_managed_identity(resource_id, lambda part: str(uuid.uuid4()))
        return existing or self.create_managed_identity(resource_id)

    def add_managed_identity(self, resource_id: str, new_id: Callable[[str], str]) -> Identity:
        """A new managed identity; ``new_id`` makes its ids from what they are for."""
        identity = Identity(
            MANAGED_IDENTITY,
            resource_id.rstrip("/").rpartition("/")[2],
            new_id("client"),
            new_id("principal"),
            resource_id=resource_id,
            created=self._cloud.clock.time(),
            location=self._cloud.location,
        )
        self.save(identity)
        return identity

    def delete_managed_identity(self, resource_id: str) -> None:
        identity = self._records.get(resource_id)
        if identity is not None and identity.kind == MANAGED_IDENTITY:
            self._records.delete(identity)

    def principal_exists(self, object_id: str) -> bool:
        return self._principal(object_id) is not None

    def app_id_of(self, object_id: str) -> str:
        identity = self._principal(object_id)
        return identity.client_id if identity else ""

    def principals(self) -> dict[str, dict[str, str]]:
        return {identity.name: _described(identity) for identity in self.identities()}

    def object_id_by_name(self, name: str) -> str | None:
        identity = self._records.by_name(name)
        return identity.principal_id if identity else None

    def token(self, object_id: str, resource: str, *, lifetime: float = 86_400.0) -> tuple[str, float]:
        identity = self._principal(object_id)
        if identity is None or not identity.enabled:
            raise KeyError(object_id)
        checked = resources.checked(self._cloud.azure, resource, self._cloud.tenant_id)
        return self.sign(identity, checked, lifetime, "2")

    def sign(self, identity: Identity, resource: str, lifetime: float, proof: str) -> tuple[str, float]:
        """A token for somebody whose right to it was established.

        :param proof: ``appidacr``: "1" a secret, "2" a certificate, an assertion or the platform
        """
        claims = access_claims(self._cloud, identity, resource, lifetime, proof)
        return self._cloud.entra.sign(claims), float(claims["exp"])

    def _principal(self, object_id: str) -> Identity | None:
        identity = self._records.get(object_id)
        known = identity is not None and object_id and identity.principal_id.lower() == object_id.lower()
        return identity if known else None

    def _application(self, client_id: str) -> Identity:
        identity = self._records.get(client_id)
        if identity is None or identity.kind != APPLICATION:
            raise KeyError(client_id)
        return identity


def _managed(identity: Identity) -> ManagedIdentity:
    return ManagedIdentity(identity.resource_id, identity.client_id, identity.principal_id, identity.name)


def _described(identity: Identity) -> dict[str, str]:
    described = {"object_id": identity.principal_id, "client_id": identity.client_id}
    return {**described, "resource_id": identity.resource_id} if identity.resource_id else described
