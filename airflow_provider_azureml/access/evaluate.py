# SPDX-License-Identifier: Apache-2.0
"""May a principal do this? Azure's rules, read from its documentation, on data that somebody else read.

Allowed is what some entry of some role allows, at the scope or above it, and does not subtract itself
(`notActions` are no denies); a deny assignment wins over all of them; a condition decides where it guards
the action. What cannot be known is said: CONDITIONAL when it hangs on a condition, else UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_azureml.access.comparison import Truth, Value
from airflow_provider_azureml.access.condition import Asked, ConditionError, key, known, parse
from airflow_provider_azureml.access.pattern import covers, is_same, matches
from airflow_provider_azureml.rest.authorization import Assignment, Deny, Permission, RoleDefinition

__all__ = ["EVERYONE", "Decision", "Deny", "Grant", "Need", "Permission", "Verdict", "evaluate", "grants_of"]
Verdict = Literal["ALLOWED", "DENIED", "CONDITIONAL", "UNKNOWN"]
EVERYONE = "00000000-0000-0000-0000-000000000000"
"""As a principal of a deny assignment: all principals."""


@dataclass(frozen=True)
class Need:
    """One action on one scope, as Azure checks it.

    :param data: whether it is a data action; one never stands in for a control action of the same name.
    :param attributes: what is known of the request, for conditions: by short names (`container`, `path`,
        `prefix`, see `condition.ATTRIBUTES`), Azure's own, or `suboperation` (empty for none). None says that
        there is no such attribute. Account and container are taken from the scope.
    """

    action: str
    scope: str
    data: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Grant:
    """One role assignment as it reaches a principal, itself or through a group."""

    assignment_id: str
    principal_id: str
    role_id: str
    role_name: str
    scope: str
    permissions: tuple[Permission, ...]
    condition: str = ""


@dataclass(frozen=True)
class Decision:
    """The answer.

    :param by: id of the assignment or deny assignment that decided.
    """

    verdict: Verdict
    reason: str
    by: str = ""


def evaluate(
    need: Need, grants: Sequence[Grant], denies: Sequence[Deny] = (), principals: Collection[str] = ()
) -> Decision:
    """Whether the need is met.

    :param grants: of the principal and its groups, as ARM lists them for the need's scope or one above it.
    :param principals: object ids of the principal and its groups, for denies. When not given, only those of
        the grants are known, and a deny for others makes UNKNOWN.
    """
    if "*" in need.action:
        return Decision("UNKNOWN", f"'{need.action}' is a pattern, not an action")
    strict, loose = (_Reading(need, principals, way).decide(grants, denies) for way in (False, True))
    if strict.verdict == loose.verdict:
        return strict
    reason = (
        f"'/*/' inside an action of the role can be read in two ways: {strict.verdict} when it stands for at "
        f"least one part, {loose.verdict} when it may stand for none"
    )
    return Decision("UNKNOWN", reason, strict.by or loose.by)


def grants_of(assignments: Sequence[Assignment], roles: Mapping[str, RoleDefinition]) -> list[Grant]:
    """Assignments with their roles; one whose role could not be read is left out, and must be told of.

    :param roles: by GUID, in lower case.
    """
    return [
        Grant(
            each.id,
            each.principal_id,
            each.role_id,
            roles[each.role_guid].name,
            each.scope,
            roles[each.role_guid].permissions,
            each.condition,
        )
        for each in assignments
        if each.role_guid in roles
    ]


@dataclass(frozen=True)
class _Reading:
    """One reading of wildcards."""

    need: Need
    principals: Collection[str]
    loose: bool

    def decide(self, grants: Sequence[Grant], denies: Sequence[Deny]) -> Decision:
        """Denies first: what they deny, no grant allows."""
        granted = self._granted(grants)
        if granted.verdict == "DENIED":
            return self._denied_anyway(granted, grants, denies)
        refused = self._refused(denies, {grant.principal_id.lower() for grant in grants})
        stays = granted.verdict == "UNKNOWN" and refused.verdict != "DENIED"
        if stays or refused.verdict == "ALLOWED":
            return granted
        if refused.verdict == "CONDITIONAL" and granted.verdict == "CONDITIONAL":
            return Decision("CONDITIONAL", f"{granted.reason}; and {refused.reason}", granted.by)
        return refused

    def _denied_anyway(self, granted: Decision, grants: Sequence[Grant], denies: Sequence[Deny]) -> Decision:
        """Nothing grants it; a deny that is certain is named, since a new grant would not help."""
        refused = self._refused(denies, {grant.principal_id.lower() for grant in grants})
        return refused if refused.verdict == "DENIED" else granted

    def _granted(self, grants: Sequence[Grant]) -> Decision:
        reaching = [grant for grant in grants if covers(grant.scope, self.need.scope)]
        allowing = [grant for grant in reaching if self._any_allows(grant.permissions)]
        found = [self._of(grant) for grant in allowing]
        for verdict in ("ALLOWED", "UNKNOWN", "CONDITIONAL", "DENIED"):
            for decision in found:
                if decision.verdict == verdict:
                    return decision
        return Decision("DENIED", _why_not(self.need, reaching))

    def _of(self, grant: Grant) -> Decision:
        """What one assignment, whose role allows the action, comes to."""
        where = f"role '{grant.role_name}' at {grant.scope}"
        if not grant.condition:
            return Decision("ALLOWED", where, grant.assignment_id)
        truth, problem = self._condition(grant.condition)
        if problem:
            reason = f"the condition of {where} is not understood ({problem}): {grant.condition}"
            return Decision("UNKNOWN", reason, grant.assignment_id)
        if truth is None:
            return Decision("CONDITIONAL", f"{where}, if: {grant.condition}", grant.assignment_id)
        if truth:
            return Decision("ALLOWED", f"{where}, whose condition holds", grant.assignment_id)
        return Decision(
            "DENIED", f"the condition of {where} does not hold: {grant.condition}", grant.assignment_id
        )

    def _refused(self, denies: Sequence[Deny], holders: Collection[str]) -> Decision:
        """DENIED by a deny assignment; ALLOWED when none stands in the way."""
        found = [self._by(deny, holders) for deny in denies if self._concerns(deny)]
        for verdict in ("DENIED", "UNKNOWN", "CONDITIONAL"):
            for decision in found:
                if decision.verdict == verdict:
                    return decision
        return Decision("ALLOWED", "")

    def _concerns(self, deny: Deny) -> bool:
        reaches = covers(deny.scope, self.need.scope) and (
            deny.is_for_children or is_same(deny.scope, self.need.scope)
        )
        return reaches and self._any_allows(deny.permissions)

    def _by(self, deny: Deny, holders: Collection[str]) -> Decision:
        """What one deny assignment, which names the action, comes to."""
        where = f"deny assignment '{deny.name}' at {deny.scope}"
        is_named = self._is_named(deny, holders)
        truth, problem = self._condition(deny.condition) if deny.condition else (True, "")
        if is_named is False or truth is False:
            return Decision("ALLOWED", "")
        if is_named is None:
            return Decision("UNKNOWN", f"whether {where} names this principal is not known", deny.deny_id)
        if problem:
            return Decision(
                "UNKNOWN", f"the condition of {where} is not understood ({problem})", deny.deny_id
            )
        if truth is None:
            return Decision("CONDITIONAL", f"{where} denies it, if: {deny.condition}", deny.deny_id)
        return Decision("DENIED", where, deny.deny_id)

    def _is_named(self, deny: Deny, holders: Collection[str]) -> Truth:
        """Whether a deny is about the principal: named, itself or through a group, and not excluded."""
        ids = {each.lower() for each in self.principals} or set(holders)
        named = {each.lower() for each in deny.principals}
        excluded = {each.lower() for each in deny.excluded}
        if ids & excluded:
            return False
        if self.principals:
            return EVERYONE in named or bool(ids & named)
        if excluded or not (EVERYONE in named or ids & named):
            return None
        return True

    def _any_allows(self, permissions: Sequence[Permission]) -> bool:
        return any(_allows(entry, self.need, self.loose) for entry in permissions)

    def _condition(self, text: str) -> tuple[Truth, str]:
        """Whether a condition holds, and why it cannot be read."""
        try:
            test = parse(text)
        except ConditionError as error:
            return None, str(error)
        return test(Asked(self.need.action, _attributes(self.need), self.loose)), ""


def _allows(entry: Permission, need: Need, loose: bool) -> bool:
    """Whether one entry allows the action and does not take it away itself."""
    allowed, taken = (
        (entry.data_actions, entry.not_data_actions) if need.data else (entry.actions, entry.not_actions)
    )
    return any(matches(each, need.action, loose) for each in allowed) and not any(
        matches(each, need.action, loose) for each in taken
    )


def _why_not(need: Need, reaching: Sequence[Grant]) -> str:
    kind = "data action" if need.data else "action"
    if not reaching:
        return f"no role assignment at {need.scope} or above it"
    names = ", ".join(sorted({f"'{grant.role_name}'" for grant in reaching}))
    return f"{names} does not allow {kind} {need.action} at {need.scope}"


_PLACE = re.compile(r"/storageAccounts/([^/]+)(?:/blobServices/[^/]+/containers/([^/]+))?", re.IGNORECASE)


def _attributes(need: Need) -> dict[str, Value]:
    """What is known of the request, what its scope tells included."""
    found = _PLACE.search(need.scope)
    told: dict[str, Value] = {}
    if found:
        told[key("account")] = found[1].lower()  # as such names always are
        told |= {key("container"): found[2].lower()} if found[2] else {}
    return told | known(need.attributes)
