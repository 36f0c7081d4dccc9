# SPDX-License-Identifier: Apache-2.0
"""Worlds of roles, assignments, denies and groups, and questions about them: all of it from one seed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

ML = "Microsoft.MachineLearningServices/workspaces"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
RA = "Microsoft.Authorization/roleAssignments"
CONTROL = (
    f"{ML}/read",
    f"{ML}/write",
    f"{ML}/jobs/read",
    f"{ML}/jobs/write",
    f"{ML}/jobs/cancel/action",
    f"{ML}/computes/read",
    f"{ML}/computes/write",
    f"{ML}/computes/listKeys/action",
    f"{ML}/listKeys/action",
    f"{RA}/write",
    f"{RA}/delete",
    "Microsoft.Storage/storageAccounts/read",
    f"{BLOBS}/read",
)
DATA = tuple(
    f"{BLOBS}/{verb}"
    for verb in (
        "read",
        "write",
        "delete",
        "add/action",
        "move/action",
        "tags/write",
        "runAsSuperUser/action",
    )
)
NAME = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
PATH, PREFIX = f"@Resource[{BLOBS}:path]", f"@Request[{BLOBS}:prefix]"
TAG = f"@Resource[{BLOBS}/tags:Project<$key_case_sensitive$>]"
HNS = "@Resource[Microsoft.Storage/storageAccounts:isHnsEnabled]"
VERSION = f"@Request[{BLOBS}:versionId]"
ROLE, KIND = f"@Request[{RA}:RoleDefinitionId]", f"@Request[{RA}:PrincipalType]"
ATTRIBUTES = (NAME, PATH, PREFIX, TAG, HNS, VERSION, ROLE, KIND)
GUIDS = tuple(str(uuid.UUID(int=number)) for number in range(1, 4))
PATHS = ("raw/a", "raw/b/c", "out/a", "Raw/a", "")
CONTAINERS = ("raw", "features", "Models")
SUBSCRIPTION = "/subscriptions/s"
SCOPES = tuple(
    f"{SUBSCRIPTION}{below}"
    for below in (
        "",
        "/resourceGroups/g",
        "/resourceGroups/g2",
        f"/resourceGroups/g/providers/{ML}/w",
        f"/resourceGroups/g/providers/{ML}/w/computes/c",
        "/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake",
        "/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake2",
        "/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default/containers/raw",
        "/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake/blobServices/default/containers/features",
    )
)


@dataclass(frozen=True)
class Question:
    """May `who` do it? `known` are the attributes that the evaluator is told, `attributes` all of them."""

    who: str
    action: str
    scope: str
    data: bool
    attributes: dict[str, Any]
    known: dict[str, Any]
    suboperation: str


@dataclass
class World:
    """What exists. Permissions are as Azure writes them."""

    roles: list[list[dict[str, tuple[str, ...]]]] = field(default_factory=list)
    assignments: list[tuple[str, int, str, str]] = field(default_factory=list)
    denies: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    people: list[str] = field(default_factory=list)

    def groups_of(self, who: str) -> set[str]:
        """All groups that somebody is in, nested ones too."""
        found: set[str] = set()
        fresh = {who}
        while fresh:
            fresh = {group for group, members in self.groups.items() if fresh & set(members)} - found
            found |= fresh
        return found


def worlds(seed: int, count: int, questions: int) -> Iterator[tuple[World, list[Question]]]:
    """As many worlds, with as many questions about each."""
    dice = Random(seed)
    for _ in range(count):
        world = _world(dice)
        yield world, [_question(dice, world) for _ in range(questions)]


def _guid(dice: Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128)))


def _world(dice: Random) -> World:
    world = World(people=[_guid(dice) for _ in range(3)])
    for _ in range(dice.randint(0, 3)):
        members = dice.sample([*world.people, *world.groups], k=dice.randint(1, 2))
        world.groups[_guid(dice)] = members
    holders = [*world.people, *world.groups]
    world.roles = [[_entry(dice) for _ in range(dice.choice((1, 1, 2)))] for _ in range(dice.randint(2, 4))]
    for _ in range(dice.randint(4, 10)):
        role = dice.randrange(len(world.roles))
        condition = condition_of(dice) if dice.random() < 0.7 else ""
        world.assignments.append((dice.choice(holders), role, _spelled(dice, _high(dice)), condition))
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        world.denies.append(_deny(dice, holders))
    return world


def _high(dice: Random) -> str:
    """A scope; one that covers many others more often than not."""
    return dice.choice((*SCOPES, *SCOPES[:2] * 4))


def _entry(dice: Random) -> dict[str, tuple[str, ...]]:
    """One entry: usually with some of both planes, sometimes with something taken away."""
    entry = {
        "actions": _patterns(dice, CONTROL, dice.randint(1, 4)),
        "dataActions": _patterns(dice, DATA, dice.randint(1, 4)),
    }
    if dice.random() < 0.3:
        entry["notActions"] = _patterns(dice, CONTROL, 1)
        entry["notDataActions"] = _patterns(dice, DATA, 1)
    return entry


def _patterns(dice: Random, actions: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(_spelled(dice, _pattern(dice, dice.choice(actions))) for _ in range(count))


def _pattern(dice: Random, action: str) -> str:
    """The action, or a pattern that has some of it: `/*/` in the middle, where two readings differ, seldom."""
    parts = action.split("/")
    kind = dice.random()
    if kind < 0.45:
        return action
    if kind < 0.6:
        return "/".join([*parts[:-1], "*"])
    if kind < 0.7:
        return "/".join([*parts[:2], "*"])
    if kind < 0.8:
        return f"*/{parts[-1]}"
    if kind < 0.85:
        return "/".join([*parts[:2], "*", parts[-1]])
    return "*" if kind < 0.9 else action


def _spelled(dice: Random, text: str) -> str:
    """Sometimes in other letters: upper and lower case are alike."""
    return text.upper() if dice.random() < 0.1 else text


def _deny(dice: Random, holders: list[str]) -> dict[str, Any]:
    everyone = dice.random() < 0.3
    return {
        "scope": dice.choice(SCOPES),
        "entry": _entry(dice),
        "principals": () if everyone else tuple(dice.sample(holders, k=1)),
        "excluded": tuple(dice.sample(holders, k=1)) if dice.random() < 0.3 else (),
        "only_at_scope": dice.random() < 0.25,
        "condition": condition_of(dice) if dice.random() < 0.2 else "",
    }


def condition_of(dice: Random) -> str:
    """As Azure's documentation writes them: guards, and what must hold where they do not."""
    parts = [f"(({_guards(dice)}) OR ({_expression(dice)}))" for _ in range(dice.choice((1, 1, 2)))]
    return " AND ".join(parts)


def _guards(dice: Random) -> str:
    guards = []
    for _ in range(dice.choice((1, 1, 2))):
        action = _pattern(dice, dice.choice((*DATA, *DATA, f"{RA}/write")))
        also = dice.choice(
            ("", "", " AND NOT SubOperationMatches{'Blob.List'}", " AND SubOperationMatches{'Blob.List'}")
        )
        guards.append(f"!(ActionMatches{{'{action}'}}{also})")
    return " AND ".join(guards)


def _expression(dice: Random) -> str:
    terms = [_term(dice) for _ in range(dice.choice((1, 1, 2, 3)))]
    return dice.choice((" AND ", " OR ", " && ", " || ")).join(terms)


def _term(dice: Random) -> str:
    text = _comparison(dice)
    kind = dice.random()
    if kind < 0.1:
        return f"NOT ({text})"
    return f"({text} OR {_comparison(dice)})" if kind < 0.2 else text


def _comparison(dice: Random) -> str:
    kind = dice.randrange(8)
    if kind == 0:
        operator = dice.choice(("StringEquals", "StringEqualsIgnoreCase", "StringNotEquals"))
        return f"{NAME} {operator} '{dice.choice(CONTAINERS)}'"
    if kind == 1:
        operator = dice.choice(("StringStartsWith", "StringStartsWithIgnoreCase", "StringNotStartsWith"))
        return f"{dice.choice((PATH, PREFIX))} {operator} '{dice.choice(('raw/', 'out/', 'RAW/'))}'"
    if kind == 2:
        pattern = dice.choice(("raw/*", "*/a", "r?w/*", "raw/?"))
        return f"{PATH} {dice.choice(('StringLike', 'StringLikeIgnoreCase', 'StringNotLike'))} '{pattern}'"
    if kind == 3:
        cross = dice.choice(
            ("ForAnyOfAnyValues", "ForAllOfAnyValues", "ForAnyOfAllValues", "ForAllOfAllValues")
        )
        return f"{TAG} {cross}:{dice.choice(('StringEquals', 'StringNotEquals'))} {{'Cascade', 'Baker'}}"
    if kind == 4:
        return f"{HNS} {dice.choice(('BoolEquals', 'BoolNotEquals'))} {dice.choice(('true', 'false'))}"
    if kind == 5:
        operator = dice.choice(("DateTimeLessThan", "DateTimeEquals", "DateTimeGreaterThanEquals"))
        return f"{VERSION} {operator} '2022-06-01T00:00:00.0Z'"
    if kind == 6:
        return f"Exists {dice.choice((VERSION, PREFIX, TAG))}"
    return f"{KIND} ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal', 'group'}}"


def _question(dice: Random, world: World) -> Question:
    data = dice.random() < 0.6
    scope = dice.choice(SCOPES[1:])
    attributes: dict[str, Any] = {
        NAME: scope.rpartition("/containers/")[2] if "/containers/" in scope else dice.choice(CONTAINERS),
        PATH: dice.choice(PATHS),
        PREFIX: dice.choice(PATHS),
        TAG: dice.choice(("Cascade", "Baker", "Skagit")),
        HNS: dice.choice((True, False)),
        VERSION: dice.choice(("2022-06-01T00:00:00.0Z", "2021-01-01T10:00:00.1234567Z")),
        ROLE: dice.choice(GUIDS),
        KIND: dice.choice(("ServicePrincipal", "User")),
    }
    for name in list(attributes):
        if dice.random() < 0.08 and not (name == NAME and "/containers/" in scope):
            del attributes[name]
    known: dict[str, Any] = {name: _told(attributes.get(name)) for name in ATTRIBUTES}
    if dice.random() < 0.3:  # who asks does not know all that Azure will know
        for name in dice.sample(ATTRIBUTES, k=3):
            del known[name]
    return Question(
        dice.choice(world.people),
        _spelled(dice, dice.choice(DATA if data else CONTROL)),
        _spelled(dice, scope),
        data,
        attributes,
        known,
        dice.choice(("", "", "Blob.List")),
    )


def _told(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
