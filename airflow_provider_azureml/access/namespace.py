# SPDX-License-Identifier: Apache-2.0
"""Namespaces: which tasks may use which connections, queues, workspaces and the like; pure functions.

A thing that a namespace claims is used by its members only, and a member uses, of a kind that its
namespace lists, what is on the list only. So `ml` and `batch` never meet in one identity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

MEMBERS = {
    "tasks": "DAG.TASK",
    "task_groups": "DAG.GROUP",
    "dags": "DAG",
    "teams": "TEAM",
    "owners": "OWNER",
}
"""How a task is named as a member, the most exact way first: it decides."""
THINGS = (
    "connections",
    "queues",
    "service_accounts",
    "compute",
    "workspaces",
    "datastores",
    "containers",
    "scopes",
)
EXCLUSIVE = ("connections", "queues", "service_accounts", "compute")
"""One of these is one identity, or the machine that holds one: no two namespaces may claim it."""
_AIRFLOWS = frozenset({"connections", "queues", "service_accounts", *MEMBERS})
"""Upper and lower case count in these names, and in no name of Azure."""


@dataclass(frozen=True)
class Namespace:
    """Who belongs to it, and what belongs to it: lists of names in which `*` and `?` stand for letters."""

    name: str
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    things: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def claim(self, kind: str, value: str) -> str:
        """The entry of one of its lists that fits, empty for none."""
        entries = self.members.get(kind, ()) if kind in MEMBERS else self.things.get(kind, ())
        return next((entry for entry in entries if fits(entry, value, kind in _AIRFLOWS)), "")


Namespaces = Sequence[Namespace]


@dataclass(frozen=True)
class Subject:
    """A task, as far as namespaces care.

    :param task_groups: ids of the groups around it.
    :param team: empty where Airflow has none.
    """

    dag_id: str
    task_id: str
    owners: tuple[str, ...] = ()
    team: str = ""
    task_groups: tuple[str, ...] = ()

    def names(self, how: str) -> tuple[str, ...]:
        """What it is called as a member: a key of MEMBERS."""
        return {
            "tasks": (f"{self.dag_id}.{self.task_id}",),
            "task_groups": tuple(f"{self.dag_id}.{group}" for group in self.task_groups),
            "dags": (self.dag_id,),
            "teams": (self.team,) if self.team else (),
            "owners": self.owners,
        }[how]


@dataclass(frozen=True)
class Use:
    """Something that a task uses: of a kind in THINGS, by the field that says so.

    :param is_ours: False for a thing that need not be on any list, such as a connection to elsewhere.
    """

    kind: str
    value: str
    field: str
    is_ours: bool = True


@dataclass(frozen=True)
class Membership:
    """A namespace that a task is in, and the entry that says so."""

    space: Namespace
    how: str
    entry: str

    def __str__(self) -> str:
        return f"'{self.space.name}' ({self.how}: {self.entry})"


def memberships(subject: Subject, spaces: Namespaces) -> list[Membership]:
    """The namespaces that name a task in the most exact way; more than one is a mistake of the lists."""
    for how in MEMBERS:
        found = [
            Membership(space, how, entry)
            for space in spaces
            if (entry := next(filter(None, (space.claim(how, name) for name in subject.names(how))), ""))
        ]
        if found:
            return found
    return []


def violations(subject: Subject, uses: Iterable[Use], spaces: Namespaces) -> list[str]:
    """What a task does against the namespaces: what, why and the mend of each; empty when all is well."""
    homes = memberships(subject, spaces)
    task = f"Task '{subject.task_id}' of DAG '{subject.dag_id}'"
    if len(homes) > 1:
        both = " and ".join(map(str, homes))
        return [f"{task} is in two namespaces alike, {both}. Mend: {_name_it(subject)} in one of them."]
    home = homes[0] if homes else None
    return [f"{task} {problem}" for use in uses if (problem := _problem(subject, use, home, spaces))]


def _problem(subject: Subject, use: Use, home: Membership | None, spaces: Namespaces) -> str:
    owners = {space.name: entry for space in spaces if (entry := space.claim(use.kind, use.value))}
    if home and home.space.name in owners:
        return ""
    place = f"is in namespace {home}" if home else "is in no namespace"
    thing = f"{use.field} '{use.value}'"
    if owners:
        whose = " and ".join(f"'{name}' ({use.kind}: {entry})" for name, entry in owners.items())
        why = "Namespaces must not mix: whoever works for both can do what either may."
        return f"{place}, but its {thing} belongs to {whose}. {why} Mend: {_mend(subject, use, home, next(iter(owners)))}"
    listed = home.space.things.get(use.kind, ()) if home and use.is_ours else ()
    if not listed:
        return ""
    allowed = ", ".join(listed)
    return (
        f"{place}, whose {use.kind} are {allowed}; its {thing} is none of them. "
        f"Mend: use one of them, or add '{use.value}' to {use.kind} of '{home.space.name if home else ''}'."
    )


def _mend(subject: Subject, use: Use, home: Membership | None, owner: str) -> str:
    own = ", ".join(home.space.things.get(use.kind, ())) if home else ""
    use_own = f"use one of your own ({own}), or" if own else "use another one, or"
    return f"{use_own} {_name_it(subject)} in '{owner}'."


def _name_it(subject: Subject) -> str:
    return f"name the task ('tasks: [{subject.dag_id}.{subject.task_id}]')"


@lru_cache(maxsize=4096)
def _pattern(entry: str, exact_case: bool) -> re.Pattern[str]:
    text = re.escape(entry).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, re.DOTALL | (0 if exact_case else re.IGNORECASE))


def fits(entry: str, value: str, exact_case: bool = True) -> bool:
    """Whether a name fits an entry of a list, in which `*` is any text and `?` any letter."""
    return _pattern(entry, exact_case).fullmatch(value) is not None


@lru_cache(maxsize=65536)
def meet(one: str, other: str) -> bool:
    """Whether some name fits both entries."""
    if not one and not other:
        return True
    if one[:1] == "*":
        return meet(one[1:], other) or bool(other and meet(one, other[1:]))
    if other[:1] == "*":
        return meet(other, one)
    if not one or not other:
        return False
    return (one[0] == other[0] or "?" in (one[0], other[0])) and meet(one[1:], other[1:])


def shared(spaces: Namespaces) -> Iterator[tuple[str, str, str, str, str]]:
    """What two namespaces claim and may not share: kind, then name and entry of one, and of the other."""
    for number, one in enumerate(spaces):
        for other in spaces[number + 1 :]:
            for kind in EXCLUSIVE:
                for mine in one.things.get(kind, ()):
                    for theirs in other.things.get(kind, ()):
                        if meet(_folded(kind, mine), _folded(kind, theirs)):
                            yield kind, one.name, mine, other.name, theirs


def _folded(kind: str, entry: str) -> str:
    return entry if kind in _AIRFLOWS else entry.lower()


@dataclass(frozen=True)
class Crossing:
    """An identity with roles in more than one namespace.

    :param scopes: name of a namespace -> the scopes through which the identity reaches it.
    """

    scopes: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        parts = (f"'{name}' through {', '.join(scopes)}" for name, scopes in sorted(self.scopes.items()))
        return f"has roles in {' and in '.join(parts)}"


def crossing(scopes: Iterable[str], spaces: Namespaces) -> Crossing | None:
    """Whether the role assignments of one identity reach more than one namespace; None when not.

    :param scopes: ARM ids at which the identity holds roles, directly or through a group.
    """
    found: dict[str, list[str]] = {}
    for scope in dict.fromkeys(scopes):
        for name in reached(scope, spaces):
            found.setdefault(name, []).append(scope)
    return Crossing({name: tuple(at) for name, at in found.items()}) if len(found) > 1 else None


def reached(scope: str, spaces: Namespaces) -> frozenset[str]:
    """The namespaces in which a role at this scope gives something.

    What two namespaces list, such as a container through which one hands over to the other, is
    nobody's. A scope above resources (resource group, subscription) reaches those whose `scopes`
    say so, and every namespace that lists none: where its resources are is not known.
    """
    place = _Place.of(scope)
    owners: dict[str, set[str]] = {}
    for space in spaces:
        for thing in place.claims(space):
            owners.setdefault(thing, set()).add(space.name)
    return frozenset().union(*(names for names in owners.values() if len(names) == 1 or place.is_above))


_RESOURCE = re.compile(
    r"/providers/microsoft\.(?:storage/storageaccounts/(?P<account>[^/]+)"
    r"(?:/blobservices/default/containers/(?P<container>[^/]+))?"
    r"|machinelearningservices/workspaces/(?P<workspace>[^/]+)(?:/computes/(?P<compute>[^/]+))?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Place:
    """A scope, taken apart. Empty text means that it names none."""

    scope: str
    account: str = ""
    container: str = ""
    workspace: str = ""
    compute: str = ""

    @classmethod
    def of(cls, scope: str) -> _Place:
        found = _RESOURCE.search(scope)
        return cls(scope, **{name: text or "" for name, text in found.groupdict().items()} if found else {})

    @property
    def is_above(self) -> bool:
        """Whether it is a resource group or higher."""
        return "/providers/" not in self.scope or "/microsoft.management/" in self.scope.lower()

    def claims(self, space: Namespace) -> Iterator[str]:
        """What of a namespace's lists it is, holds, or stands in; two who list one thing say the same."""
        for entry in space.things.get("scopes", ()):
            if _is_within(self.scope, entry) or _is_within(entry, self.scope):
                yield f"scope {entry.lower()}"
        if self.is_above and "scopes" not in space.things:
            yield f"all of {space.name}"
        if self.account and not self.container:
            yield from (entry.lower() for entry in space.things.get("containers", ()) if self._has(entry))
        for kind, name in self._itself():
            if space.claim(kind, name):
                yield kind

    def _has(self, container: str) -> bool:
        """Whether it is the storage account of an entry `account/container`."""
        return fits(container.partition("/")[0], self.account, False)

    def _itself(self) -> Iterator[tuple[str, str]]:
        if self.container:
            yield "containers", f"{self.account}/{self.container}"
        if self.compute:
            yield "compute", self.compute
        elif self.workspace:
            yield "workspaces", self.workspace


def _is_within(scope: str, above: str) -> bool:
    """Whether a scope is the other one, or below it."""
    return f"{scope.rstrip('/')}/".lower().startswith(f"{above.rstrip('/')}/".lower())
