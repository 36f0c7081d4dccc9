# SPDX-License-Identifier: Apache-2.0
"""Roles, role assignments, and scopes: what Azure RBAC is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azure_sandbox.kernel.patterns import matches_any

SERVICE_PRINCIPAL, GROUP = "ServicePrincipal", "Group"


@dataclass(frozen=True)
class Permission:
    """One entry of a role definition's ``permissions``; wildcards allowed in each pattern."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        granted = self.data_actions if data else self.actions
        withheld = self.not_data_actions if data else self.not_actions
        return matches_any(granted, action) and not matches_any(withheld, action)


def permission_of(document: dict[str, Any]) -> Permission:
    """A permission as the store holds it."""
    return Permission(**{name: tuple(patterns) for name, patterns in document.items()})


@dataclass(frozen=True)
class RoleDefinition:
    """A built-in or custom role. ``guid`` is the role definition's name."""

    guid: str
    name: str
    permissions: tuple[Permission, ...]
    description: str = ""
    kind: str = "BuiltInRole"
    assignable_scopes: tuple[str, ...] = ("/",)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> RoleDefinition:
        permissions = tuple(map(permission_of, document["permissions"]))
        scopes = tuple(document["assignable_scopes"])
        return cls(**{**document, "permissions": permissions, "assignable_scopes": scopes})

    @property
    def reaches_storage_data(self) -> bool:
        """Whether a data action of Microsoft.Storage is among its own."""
        patterns = (pattern.lower() for entry in self.permissions for pattern in entry.data_actions)
        return any(pattern.startswith(("microsoft.storage/", "*")) for pattern in patterns)


@dataclass(frozen=True)
class RoleAssignment:
    """Role x principal x scope. ``guid`` is the assignment's name; ``scope`` keeps its spelling.

    :param lag: seconds after its creation at which the last replica knows it
    :param condition: empty where it has none
    :param updated_on: seconds since the epoch; 0 where it was never changed
    :param ends: when it ends by itself, seconds since the epoch; 0: never
    """

    guid: str
    scope: str
    role: str
    principal_id: str
    principal_type: str = SERVICE_PRINCIPAL
    description: str | None = None
    created_on: float = 0.0
    created_by: str = ""
    lag: float = 0.0
    condition: str = ""
    updated_on: float = 0.0
    updated_by: str = ""
    ends: float = 0.0

    @property
    def resource_id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.guid}"

    @property
    def grant(self) -> dict[str, str | float]:
        """What it gives to whom; ``role`` is the definition's id."""
        given: dict[str, str | float] = {
            "principal_id": self.principal_id,
            "role": self.role,
            "scope": self.scope,
        }
        if self.condition:
            given["condition"] = self.condition
        return {**given, "ends": self.ends} if self.ends else given


def contains(ancestor: str, scope: str) -> bool:
    """Whether a scope is the ancestor itself or lies below it; ``/`` contains all."""
    upper, lower = ancestor.lower().rstrip("/"), scope.lower().rstrip("/")
    return lower == upper or lower.startswith(upper + "/")
