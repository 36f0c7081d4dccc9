# SPDX-License-Identifier: Apache-2.0
"""What a manifest asks Azure for, in the order in which it has to be made; the formats stand beside this file."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_azureml.access.declared import DeclaredGrant, DeclaredPrincipal, Federated, Manifest
from airflow_provider_azureml.access.roles import Role

NAMESPACE = uuid.UUID("6f1d2c52-3f0e-5b0a-9a4e-2b7d0c5a9e11")
"""Of the names of role assignments and roles that are derived, and of no other names."""
PERMISSIONS = {
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f0da61",
}
"""Ids of Graph's application permissions (docs: permissions-reference); of another one, a person looks it up."""
NOTE = (
    "Written by `airflow-azureml access export --format {format}` from {name}.",
    "Change the manifest, not this. What it does not do: attach managed identities to the workspace (an update",
    "of that list removes whom it does not name), make workspaces, accounts, vaults, and remove anything.",
)


@dataclass(frozen=True)
class Wanted:
    """One principal with the symbol that stands for it in a text."""

    symbol: str
    principal: DeclaredPrincipal

    @property
    def is_managed(self) -> bool:
        """Whether it is a managed identity."""
        return self.principal.kind == "managed_identity"

    @property
    def group(self) -> str:
        """Resource group of a managed identity."""
        return self.principal.resource_id.split("/")[4]


@dataclass(frozen=True)
class Export:
    """A manifest in the order of its making."""

    manifest: Manifest
    wanted: tuple[Wanted, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Export:
        """Managed identities first: applications may trust them."""
        found = sorted(manifest.principals(), key=lambda each: each.kind != "managed_identity")
        symbols: dict[str, int] = {}
        wanted = []
        for principal in found:
            prefix = "id" if principal.kind == "managed_identity" else "app"
            symbol = f"{prefix}_{re.sub('[^A-Za-z0-9]+', '_', principal.name).strip('_').lower()}"
            symbols[symbol] = symbols.get(symbol, 0) + 1
            wanted.append(Wanted(f"{symbol}_{symbols[symbol]}" if symbols[symbol] > 1 else symbol, principal))
        return cls(manifest, tuple(wanted))

    def note(self, format_name: str) -> list[str]:
        """The first lines of every format."""
        return [line.format(format=format_name, name=self.manifest.name) for line in NOTE]

    def roles(self) -> list[Role]:
        """Custom roles to make."""
        return self.manifest.custom_roles()

    def grants(self) -> Iterator[tuple[Wanted, DeclaredGrant, Role]]:
        """Role assignments to make."""
        for each in self.wanted:
            for grant in each.principal.grants:
                yield each, grant, self.manifest.roles[grant.role]

    def vouching(self, trust: Federated) -> str:
        """Symbol of the managed identity that a trust names; empty where it is none of the manifest's."""
        found = (
            w for w in self.wanted if w.is_managed and w.principal.name.lower() == trust.identity.lower()
        )
        return next((each.symbol for each in found), "")

    def strangers(self) -> list[str]:
        """Names of managed identities that are trusted, and that the manifest does not hold."""
        trusts = (trust for each in self.wanted for trust in each.principal.federated if trust.identity)
        return list(dict.fromkeys(trust.identity for trust in trusts if not self.vouching(trust)))

    @property
    def scope(self) -> str:
        """ARM id of the subscription."""
        return self.manifest.places.subscription


def role_guid(export: Export, role: Role) -> str:
    """GUID of a role definition: Azure's, or one that follows from subscription and name."""
    return role.guid or str(uuid.uuid5(NAMESPACE, f"{export.scope.lower()}|{role.name.lower()}"))


def definition(export: Export, role: Role) -> dict[str, Any]:
    """A role definition as `az role definition create` takes it."""
    (permission,) = role.permissions
    return {
        "Name": role.name,
        "Description": role.description,
        "Actions": list(permission.actions),
        "NotActions": list(permission.not_actions),
        "DataActions": list(permission.data_actions),
        "NotDataActions": list(permission.not_data_actions),
        "AssignableScopes": [export.scope],
    }


def role_properties(export: Export, role: Role) -> dict[str, Any]:
    """`properties` of a role definition as ARM takes them."""
    return {
        "roleName": role.name,
        "description": role.description,
        "type": "CustomRole",
        "permissions": _permissions(role),
        "assignableScopes": [export.scope],
    }


def _permissions(role: Role) -> list[Mapping[str, Any]]:
    return [
        {
            "actions": list(entry.actions),
            "notActions": list(entry.not_actions),
            "dataActions": list(entry.data_actions),
            "notDataActions": list(entry.not_data_actions),
        }
        for entry in role.permissions
    ]
