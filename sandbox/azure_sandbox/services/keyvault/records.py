# SPDX-License-Identifier: Apache-2.0
"""Vaults, secrets and their versions, at rest in the sandbox's own store only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from azure_sandbox.kernel.network import ENABLED, open_rules
from azure_sandbox.kernel.store import Store


@dataclass(frozen=True)
class Policy:
    """What an access policy gives one principal or group: names of secret permissions, lower case."""

    object_id: str
    secrets: tuple[str, ...] = ()
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Policy:
        return cls(**{**document, "secrets": tuple(document["secrets"])})


@dataclass(frozen=True)
class Vault:
    """A vault.

    :param rbac: whether roles decide, and access policies count for nothing; else the reverse
    :param public_access, rules: ``publicNetworkAccess`` and ``networkAcls``
    """

    name: str
    resource_group: str
    rbac: bool = True
    policies: tuple[Policy, ...] = ()
    public_access: str = ENABLED
    rules: dict[str, Any] = field(default_factory=open_rules)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Vault:
        policies = tuple(Policy.from_document(entry) for entry in document.get("policies", ()))
        return cls(**{**document, "policies": policies})


@dataclass(frozen=True)
class Version:
    """One version of a secret. Times are seconds since the epoch."""

    id: str
    value: str = field(repr=False)
    content_type: str | None
    tags: dict[str, str]
    enabled: bool
    created: float
    updated: float
    expires: float | None = None
    not_before: float | None = None


@dataclass(frozen=True)
class Secret:
    """``versions`` are oldest first; the last one is the latest, enabled or not."""

    vault: str
    name: str
    versions: tuple[Version, ...]
    deleted: float | None = None

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Secret:
        versions = tuple(Version(**entry) for entry in document["versions"])
        return cls(**{**document, "versions": versions})


class VaultRecords:
    """Everything that Key Vault remembers; names are compared without case."""

    def __init__(self, store: Store) -> None:
        self._vaults = store.collection("key-vault")
        self._secrets = store.collection("key-vault-secret")

    def vault(self, name: str) -> Vault | None:
        document = self._vaults.get(name.lower())
        return Vault.from_document(document) if document else None

    def vaults(self) -> list[Vault]:
        return [Vault.from_document(document) for document in self._vaults.values()]

    def add_vault(self, vault: Vault) -> None:
        """One that exists is left as it is."""
        self._vaults.insert(vault.name.lower(), asdict(vault))

    def change_vault(self, vault: Vault) -> None:
        self._vaults.put(vault.name.lower(), asdict(vault))

    def secret(self, vault: str, name: str) -> Secret | None:
        document = self._secrets.get(_key(vault, name))
        return Secret.from_document(document) if document else None

    def secrets(self, vault: str) -> list[Secret]:
        return [Secret.from_document(document) for document in self._secrets.values(_key(vault, ""))]

    def every_secret(self) -> list[Secret]:
        return [Secret.from_document(document) for document in self._secrets.values()]

    def save(self, secret: Secret) -> None:
        self._secrets.put(_key(secret.vault, secret.name), asdict(secret))

    def purge(self, secret: Secret) -> None:
        self._secrets.delete(_key(secret.vault, secret.name))


def _key(vault: str, name: str) -> str:
    return f"{vault}/{name}".lower()
