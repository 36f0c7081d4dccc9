# SPDX-License-Identifier: Apache-2.0
"""Azure RBAC: role definitions, assignments, and the one place that answers "may they?".

Evaluated on every request of every surface, as the documented rules have it: access is the union
over assignments at the scope or above; within one role ``notActions`` subtract from ``actions``
(they are not denies); control-plane actions and data actions never stand in for each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from azure_sandbox.kernel.lags import Lags
from azure_sandbox.kernel.ledger import Ledger
from azure_sandbox.kernel.store import Store

_CACHED_DECISIONS = 20_000


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
        return _matches_any(granted, action) and not _matches_any(withheld, action)


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
        permissions = tuple(
            Permission(**{name: tuple(patterns) for name, patterns in entry.items()})
            for entry in document["permissions"]
        )
        scopes = tuple(document["assignable_scopes"])
        return cls(**{**document, "permissions": permissions, "assignable_scopes": scopes})


@dataclass(frozen=True)
class RoleAssignment:
    """Role x principal x scope. ``guid`` is the assignment's name; ``scope`` keeps its spelling.

    :param lag: seconds after its creation at which the last replica knows it
    """

    guid: str
    scope: str
    role: str
    principal_id: str
    principal_type: str = "ServicePrincipal"
    description: str | None = None
    created_on: float = 0.0
    created_by: str = ""
    lag: float = 0.0

    @property
    def resource_id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{self.guid}"

    @property
    def grant(self) -> dict[str, str]:
        """What it gives to whom; ``role`` is the definition's id."""
        return {"principal_id": self.principal_id, "role": self.role, "scope": self.scope}


@dataclass
class Authorizer:
    """Roles and assignments over the store, and cached decisions that any change throws away."""

    store: Store
    ledger: Ledger
    lags: Lags
    _decisions: dict[tuple[str, str, str, bool], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._roles = self.store.collection("role-definition")
        self._assignments = self.store.collection("role-assignment")
        #: Until then some assignment is not known everywhere, and no decision is kept.
        self._unsettled_until = max((a.created_on + a.lag for a in self.assignments() if a.lag), default=0.0)

    def allowed(self, principal_id: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether an assignment at the scope or above it grants the action.

        :param principal_id: object id of the principal
        :param action: for example ``Microsoft.MachineLearningServices/workspaces/jobs/write``
        :param scope: ARM id of the resource acted upon; case does not matter
        :param data: True for a data action
        """
        if self._unsettled_until and self._is_unsettled():
            return self._decide(principal_id, action, scope, data)
        key = (principal_id, action, scope.lower(), data)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decide(principal_id, action, scope, data)
            if len(self._decisions) >= _CACHED_DECISIONS:
                self._decisions.clear()
            self._decisions[key] = decision
        return decision

    def _is_unsettled(self) -> bool:
        if self.lags.time() < self._unsettled_until:
            return True
        self._unsettled_until = 0.0
        return False

    def _decide(self, principal_id: str, action: str, scope: str, data: bool) -> bool:
        return any(
            permission.allows(action, data=data)
            for assignment in self.assignments_above(scope)
            if assignment.principal_id == principal_id
            for permission in self._permissions(assignment.role)
        )

    def assignments_above(self, scope: str) -> Iterator[RoleAssignment]:
        """Assignments that apply at the scope, made there or at an ancestor, as one replica knows them."""
        replica = self.lags.replica()
        for assignment in self.assignments():
            if contains(assignment.scope, scope) and self._is_known(replica, assignment):
                yield assignment

    def _is_known(self, replica: int, assignment: RoleAssignment) -> bool:
        lag = assignment.lag
        return not lag or self.lags.knows(replica, assignment.guid, assignment.created_on + lag, lag)

    def assignments(self) -> list[RoleAssignment]:
        return [RoleAssignment(**document) for document in self._assignments.values()]

    def assignment(self, guid: str) -> RoleAssignment | None:
        document = self._assignments.get(guid.lower())
        return RoleAssignment(**document) if document else None

    def assign(self, assignment: RoleAssignment) -> None:
        """Grant; whoever asks is granted it once the lag of role assignments has passed."""
        assignment = replace(assignment, lag=self.lags.settings.role_assignment)
        if assignment.lag:
            self._unsettled_until = max(self._unsettled_until, assignment.created_on + assignment.lag)
        with self.store.transaction():
            self._assignments.put(assignment.guid.lower(), asdict(assignment))
            self.ledger.record("role-assignment", "created", assignment.resource_id, after=assignment.grant)
        self._decisions.clear()

    def unassign(self, guid: str) -> RoleAssignment | None:
        found = self.assignment(guid)
        if found is not None:
            with self.store.transaction():
                self._assignments.delete(guid.lower())
                self.ledger.record("role-assignment", "deleted", found.resource_id, before=found.grant)
        self._decisions.clear()
        return found

    def roles(self) -> list[RoleDefinition]:
        return [RoleDefinition.from_document(document) for document in self._roles.values()]

    def role(self, guid: str) -> RoleDefinition | None:
        document = self._roles.get(guid.lower())
        return RoleDefinition.from_document(document) if document else None

    def define(self, role: RoleDefinition) -> None:
        self._roles.put(role.guid.lower(), asdict(role))
        self._decisions.clear()

    def undefine(self, guid: str) -> None:
        self._roles.delete(guid.lower())
        self._decisions.clear()

    def _permissions(self, guid: str) -> tuple[Permission, ...]:
        role = self.role(guid)
        return role.permissions if role else ()


def contains(ancestor: str, scope: str) -> bool:
    """Whether a scope is the ancestor itself or lies below it; ``/`` contains all."""
    upper, lower = ancestor.lower().rstrip("/"), scope.lower().rstrip("/")
    return lower == upper or lower.startswith(upper + "/")


def _matches_any(patterns: tuple[str, ...], action: str) -> bool:
    return any(_compiled(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A star stands for any run of characters, slashes included, as the documentation shows. A whole
    # segment "/*/" may also be absent: Managed Identity Operator says userAssignedIdentities/*/assign/action
    # where the action is userAssignedIdentities/assign/action, and AzureML Data Scientist, which cannot
    # create compute by its description, withholds it as computes/*/write.
    expression = re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(expression, re.IGNORECASE)
