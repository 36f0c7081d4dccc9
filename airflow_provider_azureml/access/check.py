# SPDX-License-Identifier: Apache-2.0
"""A manifest against Azure: each thing declared, each thing held, each thing needed. Reads nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_azureml.access import holding as held
from airflow_provider_azureml.access import row, trust
from airflow_provider_azureml.access.declared import DeclaredGrant, DeclaredPrincipal, Identity, Manifest
from airflow_provider_azureml.access.directory_rights import Holder, Right
from airflow_provider_azureml.access.evaluate import Decision, evaluate
from airflow_provider_azureml.access.holding import Holding
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.pattern import covers
from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.access.row import Row, plane_of
from airflow_provider_azureml.access.scope import short
from airflow_provider_azureml.access.survey import Seen, Survey
from airflow_provider_azureml.rest.directory import ManagedIdentity, StorageAccount

Declared = list[tuple[DeclaredGrant, Role]]
Line = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Asked:
    """What a task or a job definition needs, and whether it is meant to be refused."""

    source: str
    wanted: Sequence[Wanted] = ()
    is_ungranted: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Check:
    """One comparison.

    :param tenant_id: of the caller, where the manifest names none.
    :param asked: by name of the identity.
    """

    manifest: Manifest
    survey: Survey
    tenant_id: str = ""
    asked: Mapping[str, Sequence[Asked]] = field(default_factory=dict)

    def rows(self) -> list[Row]:
        """All lines, in the order of the manifest."""
        found: list[Row] = []
        shown: set[tuple[str, str]] = set()
        for identity in self.manifest.identities:
            for part, declared in identity.principals.items():
                found += self._granted(identity, part, declared)
                if declared.key not in shown:
                    shown.add(declared.key)
                    found += self._principal(identity, part, declared)
            found += self._needed(identity)
            found += [_by_hand(identity, line) for line in identity.by_hand]
        return [*found, *self._roles(), *self._accounts(), *self._vaults()]

    def pairs(self, principal: DeclaredPrincipal) -> Declared:
        """The grants that are declared for a principal, each with its role."""
        return [(grant, self.manifest.roles[grant.role]) for grant in principal.grants]

    def whole(self, principal: DeclaredPrincipal) -> DeclaredPrincipal:
        """The principal with what other identities declare for it."""
        return next(each for each in self.manifest.principals() if each.key == principal.key)

    def holding(self, declared: DeclaredPrincipal) -> Holding | None:
        """What a principal holds in Azure; None where that is not known."""
        return self._holding(self.survey.seen[declared.key])

    def _holding(self, seen: Seen) -> Holding | None:
        if seen.principal is None or not seen.held.is_known:
            return None
        denies = self.survey.denies.value or ()
        groups = seen.groups.value
        return Holding(seen.principal.object_id, seen.held.value, self.survey.roles, denies, groups)

    def _granted(self, identity: Identity, part: str, declared: DeclaredPrincipal) -> Iterator[Row]:
        seen = self.survey.seen[declared.key]
        holding = self._holding(seen)
        for grant, role in self.pairs(declared):
            line = (identity.name, part, plane_of(grant.scope), granted(grant), grant.scope)
            if holding is None:
                yield Row(*line, *_unseen(seen))
                continue
            state, differs, reason = holding.state(grant, role)
            decision = held.verdict(holding, held.uses(grant, role))
            decision = self._unless_denies_unread(decision)
            why = reason or decision.reason
            if state == row.OK and decision.verdict in ("DENIED", "UNKNOWN"):
                state = row.UNKNOWN if decision.verdict == "UNKNOWN" else row.MISMATCH
                differs = "" if decision.verdict == "UNKNOWN" else "verdict"
            elif reason and decision.verdict != "DENIED":
                why = f"{reason}; yet {decision.reason}"
            yield Row(*line, state, decision.verdict, why, differs)

    def _unless_denies_unread(self, decision: Decision) -> Decision:
        if decision.verdict == "ALLOWED" and not self.survey.denies.is_known:
            return Decision("UNKNOWN", f"deny assignments: {self.survey.denies.problem}", decision.by)
        return decision

    def _principal(self, identity: Identity, part: str, declared: DeclaredPrincipal) -> Iterator[Row]:
        """Who it is in Entra, whom it trusts, its rights there, and what it holds beyond what is declared."""
        seen, whole = self.survey.seen[declared.key], self.whole(declared)
        line = (identity.name, part, row.ENTRA, f"{declared.kind.replace('_', ' ')} '{declared.name}'", "")
        if seen.principal is None:
            yield Row(*line, *_unseen(seen))
            return
        if not seen.is_enabled:
            yield Row(*line, row.MISMATCH, "DENIED", "it is disabled: it cannot sign in", "enabled")
        else:
            yield Row(*line, row.OK, "", f"object id {seen.principal.object_id}")
        yield from self._trusts(identity, part, whole, seen)
        holder = Holder(self.manifest.cloud, seen.principal.object_id, self._clients())
        for each in self._rights(whole, seen, holder):
            told = (each.what, "", each.state, each.verdict, each.reason)
            yield Row(identity.name, part, row.ENTRA, *told, mend=each.mend)
        holding = self._holding(seen)
        if holding is not None:
            yield from self._extra(identity, part, whole, holding)
            yield from self._crossing(identity, part, holding)

    def _trusts(
        self, identity: Identity, part: str, declared: DeclaredPrincipal, seen: Seen
    ) -> Iterator[Row]:
        if not seen.trusts.is_known:
            if declared.federated:
                reason = f"federated credentials: {seen.trusts.problem}"
                yield Row(identity.name, part, row.ENTRA, "trusts", "", row.UNKNOWN, "UNKNOWN", reason)
            return
        tenant = self.manifest.tenant_id or self.tenant_id
        entra = f"{self.manifest.cloud.authority}/{tenant}/v2.0"
        for each in trust.compare(declared.federated, seen.trusts.value, entra, self._vouching()):
            yield Row(identity.name, part, row.ENTRA, each.what, "", each.state, "", each.reason, each.field)

    def _vouching(self) -> dict[str, str] | None:
        """Object id of each managed identity by its name in lower case; None where they could not be read.

        Of several with one name `export` means the manifest's, then its resource group's: so does this.
        """
        if not self.survey.identities.is_known:
            return None
        known: list[ManagedIdentity] = self.survey.identities.value
        by_id = {each.resource_id.lower(): each for each in known}
        ids = [each.resource_id.lower() for each in self.manifest.principals()]
        declared = [by_id[each] for each in reversed(ids) if each in by_id]
        group = self.manifest.places.arm_id(f"group:{self.manifest.places.resource_group}")
        near = [each for each in known if covers(group, each.resource_id)]
        return {each.name.lower(): each.object_id for each in (*known, *near, *declared)}

    def _rights(self, declared: DeclaredPrincipal, seen: Seen, holder: Holder) -> Iterator[Right]:
        """Application permissions and owned objects; a list that could not be read hides what is extra."""
        known, unread = self.survey.permissions, (row.UNKNOWN, "UNKNOWN")
        if seen.roles.is_known:
            yield from holder.permissions(declared.graph, seen.roles.value, known.value, known.problem)
        else:
            yield Right("Graph permissions", *unread, f"app role assignments: {seen.roles.problem}")
        if seen.owned.is_known:
            yield from holder.owned(declared.owns, seen.owned.value)
        else:
            yield Right("owned applications", *unread, f"owned objects: {seen.owned.problem}")

    def _clients(self) -> dict[str, str]:
        """Client id of each application of the manifest, by its name in lower case."""
        return {
            each.name.lower(): principal.client_id
            for each in self.manifest.principals()
            if each.kind == "application" and (principal := self.survey.seen[each.key].principal)
        }

    def _extra(
        self, identity: Identity, part: str, whole: DeclaredPrincipal, holding: Holding
    ) -> Iterator[Row]:
        for each in holding.undeclared(self.pairs(whole)):
            name = holding.role_name(each)
            plane = plane_of(each.scope)
            yield Row(identity.name, part, plane, name, each.scope, row.EXTRA, "ALLOWED", holding.way(each))

    def _crossing(self, identity: Identity, part: str, holding: Holding) -> Iterator[Row]:
        """Roles in more than one namespace; what two namespaces list is nobody's."""
        reached: dict[str, str] = {}
        for name, scopes in self.manifest.namespaces.items():
            others = {
                s for other, theirs in self.manifest.namespaces.items() if other != name for s in theirs
            }
            for scope in set(scopes) - others:
                for each in holding.assignments:
                    if covers(each.scope, scope) or covers(scope, each.scope):
                        reached.setdefault(name, f"{holding.role_name(each)} at {short(each.scope)}")
        if len(reached) > 1:
            reason = "; ".join(f"{name}: {how}" for name, how in sorted(reached.items()))
            yield Row(identity.name, part, row.ARM, "namespaces", "", row.CROSSING, "", reason)

    def _needed(self, identity: Identity) -> Iterator[Row]:
        """What its tasks and jobs need: whether the manifest grants it, and whether Azure does."""
        for asked in self.asked.get(identity.name, ()):
            if asked.problem:
                yield Row(
                    identity.name, "-", row.ARM, asked.source, "", row.UNKNOWN, "UNKNOWN", asked.problem
                )
            groups: dict[tuple[str, str, str], list[Wanted]] = {}
            for each in asked.wanted:
                groups.setdefault((each.who, each.need.scope, each.why), []).append(each)
            for (who, scope, _), wanted in groups.items():
                yield self._need(identity, who, scope, asked, wanted)

    def _need(self, identity: Identity, who: str, scope: str, asked: Asked, wanted: Sequence[Wanted]) -> Row:
        first = wanted[0]
        line = (identity.name, who, plane_of(scope), f"{asked.source} {first.why}", scope)
        if asked.is_ungranted:
            return Row(*line, row.REFUSED, "", "it is meant to be refused")
        if first.secret:
            reason = f"the datastore stores credentials ({first.secret}); no role counts there"
            return Row(*line, row.UNKNOWN, "UNKNOWN", reason)
        if first.doubt:
            return Row(*line, row.UNKNOWN, "UNKNOWN", first.doubt)
        if not self.manifest.places.holds(scope):
            reason = "it lies in another subscription: check it with a manifest of that one"
            return Row(*line, row.UNKNOWN, "UNKNOWN", reason)
        declared = identity.principals.get(who)
        if declared is None:
            return Row(*line, row.MISSING, "UNKNOWN", f"the identity has no '{who}' in the manifest")
        return self._judged(line, declared, wanted)

    def _judged(self, line: Line, declared: DeclaredPrincipal, wanted: Sequence[Wanted]) -> Row:
        seen, first = self.survey.seen[declared.key], wanted[0]
        principal = seen.principal
        if principal and first.principal and first.principal.lower() != principal.object_id.lower():
            reason = f"the job is principal {first.principal}, not '{declared.name}'"
            return Row(*line, row.MISMATCH, "UNKNOWN", reason, "run identity")
        mine = held.as_grants(self.pairs(self.whole(declared)))
        by_manifest = row.worst(evaluate(each.need, mine) for each in wanted)
        holding = self._holding(seen)
        if holding is None:
            return Row(*line, *_unseen(seen))
        decision = self._unless_denies_unread(held.verdict(holding, [each.need for each in wanted]))
        if by_manifest.verdict in ("DENIED", "UNKNOWN"):
            reason = f"the manifest does not grant it (least role: {first.role}); Azure: {decision.reason}"
            return Row(*line, row.MISSING, decision.verdict, reason)
        states = {"DENIED": row.MISSING, "UNKNOWN": row.UNKNOWN}
        return Row(*line, states.get(decision.verdict, row.OK), decision.verdict, decision.reason)

    def _roles(self) -> Iterator[Row]:
        """Custom roles that are not what the manifest says they are."""
        for role in self.manifest.custom_roles():
            for found in self.survey.roles.values():
                difference = held.differing(role, found) if found.name.lower() == role.name.lower() else ""
                if difference:
                    line = ("-", "-", row.ARM, f"role '{role.name}'", found.id)
                    yield Row(*line, row.MISMATCH, "", f"the one in Azure {difference}", "actions")

    def _accounts(self) -> Iterator[Row]:
        for scope, read in self.survey.accounts.items():
            line = ("-", "-", row.DATA, "storage account", scope)
            if not read.is_known:
                yield Row(*line, row.UNKNOWN, "UNKNOWN", f"its settings: {read.problem}")
                continue
            account: StorageAccount = read.value
            if account.has_shared_key:
                reason = "its keys are taken: who may list them passes by every role"
                yield Row(*line, row.MISMATCH, "", reason, "allowSharedKeyAccess")
            if account.default_action == "Deny" or account.public_network == "Disabled":
                reason = "it has a firewall; whether it lets the compute in is not seen from here"
                yield Row(*line, row.OK, "CONDITIONAL", reason)

    def _vaults(self) -> Iterator[Row]:
        scopes = {grant.scope.lower() for each in self.manifest.principals() for grant in each.grants}
        for vault in self.survey.vaults.value or ():
            if not vault.has_roles and any(covers(vault.resource_id, scope) for scope in scopes):
                line = ("-", "-", row.VAULT, "key vault", vault.resource_id)
                reason = "access policies decide there; roles count for nothing"
                yield Row(*line, row.MISMATCH, "", reason, "enableRbacAuthorization")


def granted(grant: DeclaredGrant) -> str:
    """What a declared grant is called in a line."""
    return f"{grant.role} below {grant.prefix}" if grant.prefix else grant.role


def _unseen(seen: Seen) -> tuple[str, str, str]:
    """State, verdict and reason where the principal, or what it holds, is not known."""
    if not seen.found.is_known:
        return row.UNKNOWN, "UNKNOWN", seen.found.problem
    if seen.principal is None:
        return row.MISSING, "DENIED", "Entra knows nobody of this name"
    return row.UNKNOWN, "UNKNOWN", f"role assignments: {seen.held.problem}"


def _by_hand(identity: Identity, line: str) -> Row:
    return Row(identity.name, "-", "-", "left for a person", "", row.BY_HAND, "", line)
