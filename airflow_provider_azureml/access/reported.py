# SPDX-License-Identifier: Apache-2.0
"""From a check to the report that the page shows: by task instead of by identity. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from airflow_provider_azureml.access import row as state
from airflow_provider_azureml.access.check import Asked, Check, granted
from airflow_provider_azureml.access.command import giving
from airflow_provider_azureml.access.declared import DeclaredGrant, DeclaredPrincipal, Identity
from airflow_provider_azureml.access.evaluate import evaluate
from airflow_provider_azureml.access.holding import as_grants
from airflow_provider_azureml.access.namespace import Namespaces, crossing
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.pattern import is_same
from airflow_provider_azureml.access.report import (
    CheckLine,
    Difference,
    GrantLine,
    IdentityLine,
    Report,
    TaskLine,
)
from airflow_provider_azureml.access.row import Row, worst

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Reporting:
    """One report in the making.

    :param check: with what was asked of it; `rows` is what came of it.
    :param auths: way of signing in by connection id, where the connections are known.
    """

    check: Check
    rows: Sequence[Row]
    auths: Mapping[str, str]

    def report(self, made_at: str, command: str, deployment: str) -> Report:
        """The whole."""
        return Report(
            made_at=made_at,
            command=command,
            deployment=deployment,
            identities=tuple(self._identities()),
            tasks=tuple(
                line for identity in self.check.manifest.identities for line in self._tasks(identity)
            ),
            differences=tuple(self._differences()),
        )

    def _name(self, declared: DeclaredPrincipal) -> str:
        """The principal's name; with its kind where an application and an identity have the same."""
        same = [each for each in self.check.manifest.principals() if each.name == declared.name]
        return f"{declared.name} ({_kind(declared)})" if len(same) > 1 else declared.name

    def _identities(self) -> Iterator[IdentityLine]:
        spaces = {
            declared.key: identity.namespace
            for identity in self.check.manifest.identities
            for declared in identity.principals.values()
        }
        for declared in self.check.manifest.principals():
            principal = self.check.survey.seen[declared.key].principal
            yield IdentityLine(
                name=self._name(declared),
                kind=_kind(declared),
                client_id=principal.client_id if principal else declared.client_id,
                object_id=principal.object_id if principal else declared.object_id,
                namespace=spaces.get(declared.key, ""),
                grants=tuple(self._grants(declared)),
            )

    def _grants(self, declared: DeclaredPrincipal) -> Iterator[GrantLine]:
        holding = self.check.holding(declared)
        if holding is None:
            return
        extra = {each.id for each in holding.undeclared(self.check.pairs(declared))}
        for each in holding.assignments:
            is_own = each.principal_id.lower() == holding.object_id.lower()
            yield GrantLine(
                role=holding.role_name(each),
                scope=each.scope,
                condition=each.condition,
                through="" if is_own else f"group {each.principal_id}",
                assignment_id=each.id,
                state=state.EXTRA if each.id in extra else "",
            )

    def _tasks(self, identity: Identity) -> Iterator[TaskLine]:
        connection = identity.airflow.get("conn_id", "")
        named = {part: self._name(declared) for part, declared in identity.principals.items()}
        for full in dict.fromkeys((*identity.tasks, *identity.ungranted)):
            dag_id, _, task_id = full.partition(".")
            yield TaskLine(
                dag_id=dag_id,
                task_id=task_id,
                connection=connection,
                auth=self.auths.get(connection, ""),
                job=", ".join(job.rpartition("/")[2] for job in identity.jobs),
                namespace=identity.namespace,
                submitter=named.get("submitter", ""),
                run_identity=named.get("run", ""),
                checks=tuple(self._checks_of(identity, full, task_id)),
            )

    def _checks_of(self, identity: Identity, full: str, task_id: str) -> Iterator[CheckLine]:
        """What the task needs; where that is not to be inferred, what the manifest declares for it."""
        if full in identity.ungranted:
            yield CheckLine("run", "", "", "UNKNOWN", "it is meant to be refused")
            return
        found = [line for each in self._asked(identity, task_id) for line in self._checks(identity, each)]
        yield from found or self._declared(identity)

    def _declared(self, identity: Identity) -> Iterator[CheckLine]:
        by_key = self._by_key()
        for part, declared in identity.principals.items():
            for grant, _ in self.check.pairs(declared):
                line = by_key.get((identity.name, part, granted(grant), grant.scope))
                if line:
                    made = self._line(line, grant.role, "the manifest declares it")
                    yield replace(made, mend=self._mend(identity, line, grant))

    def _by_key(self) -> dict[Key, Row]:
        return {(line.identity, line.part, line.what, line.scope): line for line in self.rows}

    def _asked(self, identity: Identity, task_id: str) -> list[Asked]:
        """What this task needs; what all jobs of the identity need, where no DAGs were looked at."""
        asked = self.check.asked.get(identity.name, ())
        return [each for each in asked if each.source in (task_id, *identity.jobs)]

    def _checks(self, identity: Identity, asked: Asked) -> Iterator[CheckLine]:
        if asked.problem:
            yield CheckLine("submitter", "", "", "UNKNOWN", asked.problem)
        groups: dict[Key, list[Wanted]] = {}
        for each in asked.wanted:
            key: Key = (identity.name, each.who, f"{asked.source} {each.why}", each.need.scope)
            groups.setdefault(key, []).append(each)
        found = self._by_key()
        for key, wanted in groups.items():
            if key in found:
                first = next((each for each in wanted if not each.need.action.endswith("read")), wanted[0])
                more = f" and {len(wanted) - 1} more" if len(wanted) > 1 else ""
                line = self._line(found[key], first.role, first.why)
                mend = self._mend(identity, found[key], self._lacking(identity, first, wanted))
                yield replace(line, action=first.need.action + more, data=first.need.data, mend=mend)

    def _lacking(self, identity: Identity, first: Wanted, wanted: Sequence[Wanted]) -> DeclaredGrant | None:
        """What to give for a need: the manifest's own grant, where one is for it; else the least role.

        None where the manifest has that role there under a condition that the need does not meet: without the
        condition it would be more than anybody declared.
        """
        declared = identity.principals.get(first.who)
        pairs = self.check.pairs(self.check.whole(declared)) if declared else []
        for pair in pairs:
            decision = worst(evaluate(each.need, as_grants([pair])) for each in wanted)
            if decision.verdict in ("ALLOWED", "CONDITIONAL"):
                return pair[0]
        least = DeclaredGrant(first.role, first.need.scope)
        same = (grant for grant, _ in pairs if grant.role == least.role and is_same(grant.scope, least.scope))
        return None if any(grant.condition for grant in same) else least

    def _line(self, line: Row, role: str, why: str) -> CheckLine:
        return CheckLine(
            who=line.part,
            action="",
            scope=line.scope,
            verdict=line.verdict or "UNKNOWN",
            reason="" if line.verdict == "ALLOWED" else line.reason,
            role=role,
            why=why,
        )

    def _mend(self, identity: Identity, line: Row, grant: DeclaredGrant | None) -> str:
        """The command that gives what a denied line lacks; empty where there is none to give."""
        declared = identity.principals.get(line.part)
        principal = self.check.survey.seen[declared.key].principal if declared else None
        if line.verdict != "DENIED" or not (principal and grant and grant.role and grant.scope):
            return ""
        condition = ("--condition", grant.condition, "--condition-version", "2.0") if grant.condition else ()
        return giving(principal.object_id, grant.role, grant.scope, *condition)

    def _differences(self) -> Iterator[Difference]:
        for line in self.rows:
            if line.is_finding:
                yield Difference(line.state_text, self._subject(line), _sentence(line), self._unmake(line))

    def _subject(self, line: Row) -> str:
        """The principal or the task that a line is about; empty where it is about neither."""
        if line.what.startswith("task ") and line.identity == "-":
            return line.what.removeprefix("task ")
        for identity in self.check.manifest.identities:
            if identity.name == line.identity:
                declared = identity.principals.get(line.part) or next(iter(identity.principals.values()))
                return self._name(declared)
        return ""

    def _unmake(self, line: Row) -> str:
        """The command that takes away what nobody declared; empty where there is none to give."""
        if line.plane == state.ENTRA:
            return line.mend
        if line.state != state.EXTRA or line.reason.startswith("through group"):
            return ""
        who = self._object_id(line)
        return f"az role assignment delete --assignee {who} --role {quote(line.what)} --scope {quote(line.scope)}"

    def _object_id(self, line: Row) -> str:
        for identity in self.check.manifest.identities:
            declared = identity.principals.get(line.part)
            if identity.name == line.identity and declared:
                principal = self.check.survey.seen[declared.key].principal
                return principal.object_id if principal else "<object id>"
        return "<object id>"


def crossings(check: Check, spaces: Namespaces) -> Iterator[Row]:
    """Principals with roles in more than one of Airflow's own namespaces (`[azureml] namespaces`)."""
    shown: set[tuple[str, str]] = set()
    for identity in check.manifest.identities:
        for part, declared in identity.principals.items():
            holding = check.holding(declared)
            if holding is None or declared.key in shown:
                continue
            shown.add(declared.key)
            found = crossing([each.scope for each in holding.assignments], spaces)
            if found:
                yield Row(
                    identity.name,
                    part,
                    state.ARM,
                    "namespaces of Airflow",
                    "",
                    state.CROSSING,
                    "",
                    str(found),
                )


def _kind(declared: DeclaredPrincipal) -> str:
    return declared.kind.replace("_", " ")


def _sentence(line: Row) -> str:
    place = f" at {line.scope}" if line.scope else ""
    return f"{line.what}{place}: {line.reason}" if line.reason else f"{line.what}{place}"
