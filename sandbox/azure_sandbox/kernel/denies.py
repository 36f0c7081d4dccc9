# SPDX-License-Identifier: Apache-2.0
"""Deny assignments: what nobody of a list may do at a scope, whatever their roles say.

Source: "Understand Azure deny assignments" (deny-assignments.md). Azure makes them, its users cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from azure_sandbox.kernel.roles import Permission, contains, permission_of
from azure_sandbox.kernel.store import Document, Store

#: The id that stands for every principal.
ALL_PRINCIPALS = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class DenyAssignment:
    """A deny assignment. Object ids are in lower case.

    :param guid: its own name in ids; ``name`` is what people call it
    :param scope: keeps its spelling
    :param principals: object ids of principals and groups, or ALL_PRINCIPALS
    :param excluded: object ids of those that it does not concern
    :param only_at_scope: ``doNotApplyToChildScopes``
    """

    guid: str
    name: str
    scope: str
    permissions: tuple[Permission, ...]
    principals: tuple[str, ...] = (ALL_PRINCIPALS,)
    excluded: tuple[str, ...] = ()
    only_at_scope: bool = False
    system_protected: bool = True
    description: str = ""
    condition: str = ""
    created_on: float = 0.0

    @property
    def resource_id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/denyAssignments/{self.guid}"

    def concerns(self, identities: frozenset[str]) -> bool:
        """Whether it is about a principal, given its own id and those of its groups."""
        named = ALL_PRINCIPALS in self.principals or not identities.isdisjoint(self.principals)
        return named and identities.isdisjoint(self.excluded)

    def applies(self, scope: str) -> bool:
        """Whether it is in force at a scope."""
        if self.only_at_scope:
            return self.scope.lower().rstrip("/") == scope.lower().rstrip("/")
        return contains(self.scope, scope)

    def withholds(self, action: str, *, data: bool) -> bool:
        """Whether the action is among what it denies."""
        return any(permission.allows(action, data=data) for permission in self.permissions)


class Denies:
    """The deny assignments of one cloud, kept in memory beside the store."""

    def __init__(self, store: Store) -> None:
        self._rows = store.collection("deny-assignment")
        self._held = {deny.guid: deny for deny in map(_deny, self._rows.values())}

    def all(self) -> list[DenyAssignment]:
        return list(self._held.values())

    def get(self, guid: str) -> DenyAssignment | None:
        return self._held.get(guid.lower())

    def put(self, deny: DenyAssignment) -> None:
        self._rows.put(deny.guid, asdict(deny))
        self._held[deny.guid] = deny

    def remove(self, guid: str) -> DenyAssignment | None:
        self._rows.delete(guid.lower())
        return self._held.pop(guid.lower(), None)

    def against(
        self, identities: frozenset[str], action: str, scope: str, *, data: bool
    ) -> Iterable[DenyAssignment]:
        """Those that stand in a principal's way, were it not for their conditions."""
        return (
            deny
            for deny in self._held.values()
            if deny.withholds(action, data=data) and deny.applies(scope) and deny.concerns(identities)
        )


def _deny(document: Document) -> DenyAssignment:
    permissions = tuple(map(permission_of, document["permissions"]))
    lists = {name: tuple(document[name]) for name in ("principals", "excluded")}
    return DenyAssignment(**{**document, **lists, "permissions": permissions})
