# SPDX-License-Identifier: Apache-2.0
"""Azure RBAC: role definitions, assignments, and the one place that answers "may they?".

Evaluated on every request of every surface, as the documented rules have it: a deny assignment wins;
else access is the union over assignments at the scope or above, to the principal or to a group that it
is in; an assignment with a condition counts where the condition holds; within one role ``notActions``
subtract from ``actions`` (they are not denies); control-plane actions and data actions never stand in
for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain

from azure_sandbox.kernel.condition_attributes import NO_ATTRIBUTES, Attributes
from azure_sandbox.kernel.condition_parser import parse
from azure_sandbox.kernel.conditions import Asked, Condition
from azure_sandbox.kernel.denies import Denies, DenyAssignment
from azure_sandbox.kernel.groups import Groups
from azure_sandbox.kernel.lags import Lags
from azure_sandbox.kernel.ledger import PLATFORM, Ledger
from azure_sandbox.kernel.roles import Permission, RoleAssignment, RoleDefinition, contains
from azure_sandbox.kernel.store import Store

__all__ = ["Authorizer", "Permission", "RoleAssignment", "RoleDefinition", "contains"]

_CACHED_DECISIONS = 20_000


@dataclass(frozen=True)
class _Conditional:
    """A decision that needs the request's attributes.

    :param granted: whether an assignment without a condition grants
    :param grants: conditions of assignments that grant where one of them holds
    :param denies: conditions of deny assignments
    """

    granted: bool
    grants: tuple[Condition, ...]
    denies: tuple[Condition, ...]

    def holds(self, asked: Asked) -> bool:
        granted = self.granted or any(condition.holds(asked) for condition in self.grants)
        return granted and not any(condition.holds(asked) for condition in self.denies)


@dataclass
class Authorizer:
    """Roles and assignments over the store, and cached decisions that any change throws away."""

    store: Store
    ledger: Ledger
    lags: Lags
    _decisions: dict[tuple[str, str, str, bool], bool | _Conditional] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._role_rows = self.store.collection("role-definition")
        self._assignment_rows = self.store.collection("role-assignment")
        stored = (RoleDefinition.from_document(row) for row in self._role_rows.values())
        self._roles = {role.guid.lower(): role for role in stored}
        self._assignments = {a.guid.lower(): a for a in self._stored_assignments()}
        self.denies = Denies(self.store)
        self.groups = Groups(self.store)
        self.groups.changed = self._decisions.clear
        #: What was taken away and is not forgotten everywhere: the assignment, when it will be, the lag.
        self._lingering: list[tuple[RoleAssignment, float, float]] = []
        #: Until then some assignment is not known everywhere, and no decision is kept.
        self._unsettled_until = max((a.created_on + a.lag for a in self.assignments() if a.lag), default=0.0)

    def _stored_assignments(self) -> list[RoleAssignment]:
        return [RoleAssignment(**document) for document in self._assignment_rows.values()]

    def allowed(
        self,
        principal_id: str,
        action: str,
        scope: str,
        *,
        data: bool = False,
        attributes: Attributes = NO_ATTRIBUTES,
        sub_operation: str = "",
    ) -> bool:
        """Whether an assignment at the scope or above it grants the action, and none denies it.

        :param principal_id: object id of the principal
        :param action: for example ``Microsoft.MachineLearningServices/workspaces/jobs/write``
        :param scope: ARM id of the resource acted upon; case does not matter
        :param data: True for a data action
        :param attributes: of the request and the resource, for conditions
        :param sub_operation: for conditions, for example ``Blob.List``
        """
        if self._unsettled_until and self._is_unsettled():
            decision = self._decide(principal_id, action, scope, data)
        else:
            key = (principal_id, action, scope.lower(), data)
            cached = self._decisions.get(key)
            decision = self._remember(key) if cached is None else cached
        if isinstance(decision, bool):
            return decision
        return decision.holds(Asked(action, attributes, sub_operation))

    def _remember(self, key: tuple[str, str, str, bool]) -> bool | _Conditional:
        decision = self._decide(*key)
        if len(self._decisions) >= _CACHED_DECISIONS:
            self._decisions.clear()
        self._decisions[key] = decision
        return decision

    def _is_unsettled(self) -> bool:
        if self.lags.time() < self._unsettled_until:
            return True
        self._unsettled_until = 0.0
        self._lingering.clear()
        return False

    def _decide(self, principal_id: str, action: str, scope: str, data: bool) -> bool | _Conditional:
        identities = self.groups.identities(principal_id)
        granted, grants = self._grants(identities, action, scope, data)
        if not granted and not grants:
            return False
        texts = [deny.condition for deny in self.denies.against(identities, action, scope, data=data)]
        if "" in texts:
            return False
        if granted and not texts:
            return True
        return _Conditional(granted, grants, tuple(map(parse, texts)))

    def _grants(
        self, identities: frozenset[str], action: str, scope: str, data: bool
    ) -> tuple[bool, tuple[Condition, ...]]:
        """Whether an assignment grants whatever is asked for, and the conditions of those that may."""
        conditions = []
        for assignment in self.assignments_above(scope, identities):
            role = self._roles.get(assignment.role)
            if role is None or not any(entry.allows(action, data=data) for entry in role.permissions):
                continue
            if not assignment.condition:
                return True, ()
            condition = parse(assignment.condition)
            # "You can't have a role assignment with a Microsoft.Storage data action and an ABAC condition
            # that uses a GUID comparison operator": troubleshooting.md, under "Authorization failed".
            if not (condition.compares_guids and role.reaches_storage_data):
                conditions.append(condition)
        return False, tuple(conditions)

    def blocked(
        self,
        principal_id: str,
        action: str,
        scope: str,
        *,
        data: bool = False,
        attributes: Attributes = NO_ATTRIBUTES,
        sub_operation: str = "",
    ) -> DenyAssignment | None:
        """The deny assignment in a principal's way, whether or not anything grants the action.

        Parameters as in :meth:`allowed`.
        """
        asked = Asked(action, attributes, sub_operation)
        identities = self.groups.identities(principal_id)
        standing = self.denies.against(identities, action, scope, data=data)
        return next((d for d in standing if not d.condition or parse(d.condition).holds(asked)), None)

    def denied_by(
        self,
        principal_id: str,
        action: str,
        scope: str,
        *,
        data: bool = False,
        attributes: Attributes = NO_ATTRIBUTES,
        sub_operation: str = "",
    ) -> DenyAssignment | None:
        """The deny assignment that takes away what a role grants; None where none grants it.

        Parameters as in :meth:`allowed`.
        """
        identities = self.groups.identities(principal_id)
        asked = Asked(action, attributes, sub_operation)
        granted, grants = self._grants(identities, action, scope, data)
        if not granted and not any(condition.holds(asked) for condition in grants):
            return None
        return self.blocked(
            principal_id, action, scope, data=data, attributes=attributes, sub_operation=sub_operation
        )

    def assignments_above(
        self, scope: str, identities: frozenset[str] | None = None
    ) -> Iterator[RoleAssignment]:
        """Assignments that apply at the scope, made there or at an ancestor, as one replica knows them.

        :param identities: only those to one of these object ids
        """
        replica = self.lags.replica()
        for assignment in chain(self._assignments.values(), self._remembered(replica)):
            if (
                (identities is None or assignment.principal_id in identities)
                and contains(assignment.scope, scope)
                and self._is_known(replica, assignment)
            ):
                yield assignment

    def _remembered(self, replica: int) -> list[RoleAssignment]:
        """What one replica has not noticed to be gone."""
        return [
            assignment
            for assignment, known_to_all, lag in self._lingering
            if not self.lags.knows(replica, assignment.guid, known_to_all, lag)
        ]

    def _is_known(self, replica: int, assignment: RoleAssignment) -> bool:
        lag = assignment.lag
        return not lag or self.lags.knows(replica, assignment.guid, assignment.created_on + lag, lag)

    def assignments(self) -> list[RoleAssignment]:
        return list(self._assignments.values())

    def assignments_of(self, principal_id: str) -> list[RoleAssignment]:
        """Those to a principal and to the groups that it is in."""
        identities = self.groups.identities(principal_id.lower())
        return [a for a in self._assignments.values() if a.principal_id in identities]

    def assignment(self, guid: str) -> RoleAssignment | None:
        return self._assignments.get(guid.lower())

    def assign(self, assignment: RoleAssignment, *, begun: float | None = None) -> None:
        """Grant; whoever asks is granted it once the lag of role assignments has passed.

        :param begun: when the platform began it, where nobody asks for that now
        :raises azure_sandbox.kernel.condition_parser.InvalidCondition: where it has one that cannot be read
        """
        if assignment.condition:
            parse(assignment.condition)
        assignment = replace(assignment, lag=self.lags.settings.role_assignment)
        if assignment.lag:
            self._unsettled_until = max(self._unsettled_until, assignment.created_on + assignment.lag)
        self._write(assignment, "created", None, begun)

    def reassign(self, assignment: RoleAssignment) -> None:
        """Replace an assignment by one of its name: another condition, another description.

        :raises azure_sandbox.kernel.condition_parser.InvalidCondition: as :meth:`assign`
        """
        if assignment.condition:
            parse(assignment.condition)
        self._write(assignment, "updated", self._assignments[assignment.guid.lower()])

    def _write(
        self,
        assignment: RoleAssignment,
        effect: str,
        before: RoleAssignment | None,
        begun: float | None = None,
    ) -> None:
        key = assignment.guid.lower()
        with self.store.transaction():
            self._assignment_rows.put(key, asdict(assignment))
            self.ledger.record(
                "role-assignment",
                effect,
                assignment.resource_id,
                before=before.grant if before else None,
                after=assignment.grant,
                by=None if begun is None else PLATFORM,
                at=begun,
            )
        self._assignments[key] = assignment
        self._decisions.clear()

    def unassign(self, guid: str, *, ended: float | None = None) -> RoleAssignment | None:
        """Take a grant away; None where there is none of this name.

        :param ended: when the platform ended it, where nobody asked for that
        """
        found = self.assignment(guid)
        if found is not None:
            by = None if ended is None else PLATFORM
            with self.store.transaction():
                self._assignment_rows.delete(guid.lower())
                self.ledger.record(
                    "role-assignment", "deleted", found.resource_id, before=found.grant, by=by, at=ended
                )
            del self._assignments[guid.lower()]
            self._linger(found)
        self._decisions.clear()
        return found

    def _linger(self, gone: RoleAssignment) -> None:
        lag = self.lags.settings.role_removal
        if lag:
            until = self.lags.time() + lag
            self._lingering.append((gone, until, lag))
            self._unsettled_until = max(self._unsettled_until, until)

    def deny(self, deny: DenyAssignment) -> None:
        """Make a deny assignment, or replace it.

        :raises azure_sandbox.kernel.condition_parser.InvalidCondition: where it has one that cannot be read
        """
        if deny.condition:
            parse(deny.condition)
        self.denies.put(deny)
        self._decisions.clear()

    def undeny(self, guid: str) -> DenyAssignment | None:
        removed = self.denies.remove(guid)
        self._decisions.clear()
        return removed

    def roles(self) -> list[RoleDefinition]:
        return list(self._roles.values())

    def role(self, guid: str) -> RoleDefinition | None:
        return self._roles.get(guid.lower())

    def define(self, role: RoleDefinition) -> None:
        self._role_rows.put(role.guid.lower(), asdict(role))
        self._roles[role.guid.lower()] = role
        self._decisions.clear()

    def undefine(self, guid: str) -> None:
        self._role_rows.delete(guid.lower())
        self._roles.pop(guid.lower(), None)
        self._decisions.clear()
