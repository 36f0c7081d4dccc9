# SPDX-License-Identifier: Apache-2.0
"""Role assignments: those declared against those held, and whether what they are for is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_azureml.access.declared import DeclaredGrant
from airflow_provider_azureml.access.evaluate import Decision, Deny, Grant, Need, evaluate, grants_of
from airflow_provider_azureml.access.needs import SECRETS, needs_of_data
from airflow_provider_azureml.access.pattern import covers, is_same
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.access.row import MISMATCH, MISSING, OK, worst
from airflow_provider_azureml.rest.authorization import Assignment, RoleDefinition

_SECRET_VERBS = {
    "read": ("getSecret/action", "readMetadata/action"),
    "rotate": ("getSecret/action", "readMetadata/action", "setSecret/action", "update/action"),
}


@dataclass(frozen=True)
class Holding:
    """What one principal holds in Azure.

    :param roles: by GUID.
    :param groups: object ids of those that it is in, for denies; None where they could not be read.
    """

    object_id: str
    assignments: Sequence[Assignment]
    roles: Mapping[str, RoleDefinition]
    denies: Sequence[Deny] = ()
    groups: frozenset[str] | None = frozenset()
    _grants: list[Grant] = field(default_factory=list, compare=False)

    @property
    def grants(self) -> list[Grant]:
        """The assignments with their roles."""
        if not self._grants:
            self._grants.extend(grants_of(self.assignments, self.roles))
        return self._grants

    def allows(self, need: Need) -> Decision:
        """Whether Azure would let it. What could not be read makes UNKNOWN, not DENIED; a deny wins over any role."""
        reaching = [each for each in self.assignments if each.role_guid not in self.roles]
        principals = () if self.groups is None else (self.object_id, *self.groups)
        decision = evaluate(need, self.grants, self.denies, principals)
        is_deny = any(each.deny_id == decision.by for each in self.denies)
        is_open = any(covers(each.scope, need.scope) for each in reaching)
        if decision.verdict == "DENIED" and is_open and not is_deny:
            return Decision("UNKNOWN", "a role that it holds could not be read")
        return decision

    def role_name(self, assignment: Assignment) -> str:
        """Name of an assignment's role; its GUID where the role could not be read."""
        role = self.roles.get(assignment.role_guid)
        return role.name if role else assignment.role_guid

    def matches(self, assignment: Assignment, declared: DeclaredGrant, role: Role) -> bool:
        """Whether an assignment is of a declared role and scope; its condition may differ."""
        name = self.role_name(assignment)
        is_role = name.lower() == role.name.lower() or (role.guid and name == role.guid)
        return bool(is_role) and is_same(assignment.scope, declared.scope)

    def state(self, declared: DeclaredGrant, role: Role) -> tuple[str, str, str]:
        """State, differing field and reason of one declared grant."""
        found = [each for each in self.assignments if self.matches(each, declared, role)]
        if not found:
            return MISSING, "", "no such role assignment"
        for each in found:
            if _plain(each.condition) == _plain(declared.condition):
                return OK, "", ""
        held = found[0].condition or "none"
        return MISMATCH, "condition", f"the condition in Azure is: {held}"

    def undeclared(self, declared: Sequence[tuple[DeclaredGrant, Role]]) -> Iterator[Assignment]:
        """What it holds and nobody declared; inherited and through groups, too."""
        for each in self.assignments:
            if not any(self.matches(each, grant, role) for grant, role in declared):
                yield each

    def way(self, assignment: Assignment) -> str:
        """How an assignment reaches it."""
        if assignment.principal_id.lower() != self.object_id.lower():
            return f"through group {assignment.principal_id}"
        return f"role assignment {assignment.id.rpartition('/')[2]}"


def uses(declared: DeclaredGrant, role: Role) -> list[Need]:
    """What a grant is for: the data or secret that it was declared as, else the role's own actions."""
    if "/storageaccounts/" in declared.scope.lower() and declared.access:
        return [each.need for each in needs_of_data("run", declared.access, _place(declared), "")]
    if declared.access:
        return [
            Need(f"{SECRETS}/{verb}", declared.scope, data=True) for verb in _SECRET_VERBS[declared.access]
        ]
    return [
        Need(action, declared.scope, data)
        for entry in role.permissions
        for actions, data in ((entry.actions, False), (entry.data_actions, True))
        for action in actions
        if "*" not in action
    ]


def verdict(holding: Holding, needs: Iterable[Need]) -> Decision:
    """Whether all of it is allowed; the worst counts."""
    return worst(holding.allows(need) for need in needs)


def as_grants(declared: Iterable[tuple[DeclaredGrant, Role]]) -> list[Grant]:
    """Declared grants as if Azure had them: whether a need is met by the manifest itself."""
    return [
        Grant("manifest", "", role.guid, role.name, grant.scope, role.permissions, grant.condition)
        for grant, role in declared
    ]


def differing(role: Role, held: RoleDefinition) -> str:
    """What a custom role in Azure allows more or less than the declared one; empty when nothing."""
    mine, theirs = _actions(role.permissions), _actions(held.permissions)
    parts = [f"lacks {', '.join(sorted(mine - theirs))}"] if mine - theirs else []
    parts += [f"has more: {', '.join(sorted(theirs - mine))}"] if theirs - mine else []
    return "; ".join(parts)


def _actions(permissions: Iterable[object]) -> set[str]:
    names = {"actions": "", "not_actions": "not ", "data_actions": "data ", "not_data_actions": "not data "}
    return {
        word + action.lower()
        for entry in permissions
        for name, word in names.items()
        for action in getattr(entry, name)
    }


def _place(declared: DeclaredGrant) -> Place:
    account, _, container = declared.scope.partition("/blobServices/default/containers/")
    return Place("", account.rpartition("/")[2], container, declared.prefix, declared.scope)


def _plain(condition: str) -> str:
    return "".join(condition.split())
