# SPDX-License-Identifier: Apache-2.0
"""The access manifest: from the YAML's content to what it declares (docs/decisions/0009).

Its shape is said by `manifest.schema.json`; what a schema cannot say is checked here. Every error names the
file, the line, the field and the mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from airflow_provider_azureml.access.condition import ConditionError, parse
from airflow_provider_azureml.access.declared import (
    PARTS,
    DeclaredGrant,
    DeclaredPrincipal,
    Federated,
    Identity,
    Manifest,
)
from airflow_provider_azureml.access.evaluate import Permission
from airflow_provider_azureml.access.prefix import below
from airflow_provider_azureml.access.roles import ROLES, Role
from airflow_provider_azureml.access.schema import Path, flaws
from airflow_provider_azureml.access.scope import Places, ScopeError
from airflow_provider_azureml.connection import CLOUDS, Cloud
from airflow_provider_azureml.errors import ConfigurationError

ENTRA = "entra"
DATA_ROLES = {"read": "Storage Blob Data Reader", "write": "Storage Blob Data Contributor"}
SECRET_ROLES = {"read": "Key Vault Secrets User", "rotate": "Key Vault Secret Rotator"}
_NAMED = "identity:"
_LISTS = ("tasks", "jobs", "ungranted", "by_hand")
_TABLES = ("actions", "not_actions", "data_actions", "not_data_actions")


def load(content: object, name: str, lines: Mapping[Path, int] | None = None) -> Manifest:
    """Check a manifest.

    :param content: the YAML's content.
    :param name: of the file, for messages.
    :param lines: line of each value, counted from 1, by its path.
    :raises ConfigurationError: names file, line, field and mend.
    """
    where = _Where(name, lines or {})
    for flaw in flaws(content):
        raise where.error(flaw.path, flaw.problem, flaw.mend)
    if not isinstance(content, Mapping):
        raise where.error((), "is no mapping.", "Write a mapping of fields.")
    for path, text in _texts(content, ()):
        if not text.isprintable() and path[-1] != "condition":
            raise where.error(path, "holds a character that is not printable.", "Write it on one line.")
    return _Reader(where, content).manifest()


def _texts(content: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Each text of the file, names of fields included."""
    if isinstance(content, str):
        yield path, content
    elif isinstance(content, Mapping):
        for name, inner in content.items():
            yield (*path, name), str(name)
            yield from _texts(inner, (*path, name))
    elif isinstance(content, list):
        for number, inner in enumerate(content):
            yield from _texts(inner, (*path, number))


@dataclass(frozen=True)
class _Where:
    """A file, and the lines in it."""

    name: str
    lines: Mapping[Path, int]

    def error(self, path: Path, problem: str, mend: str) -> ConfigurationError:
        """An error about the value at a path."""
        line = next(
            (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 0
        )
        place = f"{self.name}, line {line}" if line else self.name
        field = f": field '{dotted(path)}'" if path else ""
        return ConfigurationError(f"{place}{field}", problem, mend)


def dotted(path: Path) -> str:
    """A path as a person reads it: `identities.train.run.data[0].container`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


class _Reader:
    """One manifest of sound shape on the way to what it declares."""

    def __init__(self, where: _Where, content: Mapping[str, Any]) -> None:
        self._where = where
        self._content = content
        self._places = Places.of(content)
        self._cloud: Cloud = CLOUDS[content.get("cloud", "public")]
        own = {name: _role(name, each) for name, each in (content.get("roles") or {}).items()}
        self._roles: dict[str, Role] = {**ROLES, **own}

    def manifest(self) -> Manifest:
        self._check_roles()
        self._check_groups()
        namespaces = {
            name: tuple(self._scope(("namespaces", name, number), text) for number, text in enumerate(scopes))
            for name, scopes in (self._content.get("namespaces") or {}).items()
        }
        identities = tuple(self._identities())
        return Manifest(
            self._where.name,
            self._places,
            self._cloud,
            str(self._content.get("tenant_id", "")),
            str(self._content.get("location", "")),
            self._roles,
            namespaces,
            identities,
        )

    def _check_roles(self) -> None:
        for name in self._content.get("roles") or {}:
            if name in ROLES:
                problem = "is the name of a role that Azure or this package has."
                raise self._where.error(("roles", name), problem, "Choose another name.")

    def _check_groups(self) -> None:
        """Every group exists, and none holds itself."""
        groups = self._content.get("groups") or {}
        for name, group in groups.items():
            for number, inner in enumerate(group.get("groups") or ()):
                self._check_group(("groups", name, "groups", number), inner)
        for name in groups:
            cycle = _cycle(name, groups)
            if cycle:
                problem = f"holds itself: {' > '.join(cycle)}."
                raise self._where.error(("groups", cycle[0], "groups"), problem, "Take one of them out.")

    def _check_group(self, path: Path, name: str) -> None:
        groups = self._content.get("groups") or {}
        if name not in groups:
            raise self._where.error(path, f"'{name}' is no group.", _near(name, groups, "under 'groups'"))

    def _identities(self) -> Iterator[Identity]:
        owners: dict[str, str] = {}
        for name, content in self._content["identities"].items():
            for number, task in enumerate(content.get("tasks") or ()):
                if owners.setdefault(task, name) != name:
                    path = ("identities", name, "tasks", number)
                    problem = f"'{task}' has identity '{owners[task]}' already."
                    raise self._where.error(path, problem, "A task has one identity: remove it from one.")
            listed = {each: tuple(content.get(each) or ()) for each in _LISTS}
            parts = [part for part in PARTS if part in content]
            principals = {part: self._principal(("identities", name, part), content[part]) for part in parts}
            airflow = content.get("airflow") or {}
            yield Identity(
                name, content.get("namespace", ""), airflow=airflow, principals=principals, **listed
            )

    def _principal(self, path: Path, content: Mapping[str, Any]) -> DeclaredPrincipal:
        is_managed = "managed_identity" in content
        name = content["managed_identity" if is_managed else "application"]
        group = content.get("resource_group", "")
        if group and not is_managed:
            mend = "Remove it: applications lie in no resource group."
            raise self._where.error((*path, "resource_group"), "is given for an application.", mend)
        return DeclaredPrincipal(
            "managed_identity" if is_managed else "application",
            name,
            self._places.resource("identity", name, group) if is_managed else "",
            content.get("existing", False),
            content.get("client_id", ""),
            content.get("object_id", ""),
            tuple(self._federated(path, content)),
            tuple(dict.fromkeys(self._grants(path, content))),
            tuple(content.get("graph") or ()),
            tuple(content.get("owns") or ()),
        )

    def _federated(self, path: Path, content: Mapping[str, Any]) -> Iterator[Federated]:
        issuers = self._content.get("issuers") or {}
        for number, entry in enumerate(content.get("federated") or ()):
            issuer, here = entry["issuer"], (*path, "federated", number)
            if issuer != ENTRA and issuer not in issuers:
                mend = _near(issuer, (*issuers, ENTRA), "under 'issuers'")
                raise self._where.error((*here, "issuer"), f"'{issuer}' is no issuer.", mend)
            identity = entry["subject"].removeprefix(_NAMED) if entry["subject"].startswith(_NAMED) else ""
            if identity and issuer != ENTRA:
                mend = f"Only Entra vouches for managed identities: write 'issuer: {ENTRA}', or the real subject."
                raise self._where.error((*here, "subject"), f"'{entry['subject']}' is Entra's.", mend)
            audience = entry.get("audience", self._cloud.assertion_audience)
            url = "" if issuer == ENTRA else str(issuers[issuer])
            yield Federated(entry.get("name", "airflow"), url, entry["subject"], audience, identity)

    def _grants(self, path: Path, content: Mapping[str, Any]) -> Iterator[DeclaredGrant]:
        """What stands here, and in the groups that are named here."""
        for number, entry in enumerate(content.get("roles") or ()):
            yield self._role_grant((*path, "roles", number), entry)
        for number, entry in enumerate(content.get("data") or ()):
            yield self._data_grant((*path, "data", number), entry)
        for number, entry in enumerate(content.get("secrets") or ()):
            scope = self._scope((*path, "secrets", number, "secret"), f"secret:{entry['secret']}")
            yield DeclaredGrant(SECRET_ROLES[entry["access"]], scope, access=entry["access"])
        for number, name in enumerate(content.get("groups") or ()):
            self._check_group((*path, "groups", number), name)
            yield from self._grants(("groups", name), self._content["groups"][name])

    def _role_grant(self, path: Path, entry: Mapping[str, Any]) -> DeclaredGrant:
        self._check_role((*path, "role"), entry["role"])
        condition = self._condition((*path, "condition"), entry.get("condition", ""))
        return DeclaredGrant(entry["role"], self._scope((*path, "scope"), entry["scope"]), condition)

    def _data_grant(self, path: Path, entry: Mapping[str, Any]) -> DeclaredGrant:
        access, prefix = entry["access"], entry.get("prefix", "")
        role = entry.get("role", DATA_ROLES[access])
        self._check_role((*path, "role"), role)
        scope = self._scope((*path, "container"), f"container:{entry['container']}")
        condition = entry.get("condition", "")
        if condition == "prefix":
            if not prefix:
                raise self._where.error((*path, "condition"), "wants a prefix.", "Add 'prefix'.")
            condition = below(entry["container"].partition("/")[2], prefix, access)
        condition = self._condition((*path, "condition"), condition)
        return DeclaredGrant(role, scope, condition, access, prefix)

    def _check_role(self, path: Path, role: str) -> None:
        if role not in self._roles:
            raise self._where.error(path, f"'{role}' is no role.", _near(role, self._roles, "under 'roles'"))

    def _condition(self, path: Path, text: str) -> str:
        try:
            if text:
                parse(text)
        except ConditionError as error:
            mend = "Write it as Azure's documentation says: 'Azure role assignment condition format'."
            raise self._where.error(path, f"is no condition: {error}.", mend) from error
        return text

    def _scope(self, path: Path, text: str) -> str:
        try:
            return self._places.arm_id(text)
        except ScopeError as error:
            raise self._where.error(path, f"'{text}' {error.problem}", error.mend) from error


def _role(name: str, content: Mapping[str, Any]) -> Role:
    actions, without, data, without_data = (tuple(content.get(table) or ()) for table in _TABLES)
    permission = Permission(actions, without, data, without_data)
    return Role(name, "", content.get("description", ""), (permission,))


def _cycle(start: str, groups: Mapping[str, Any]) -> list[str]:
    """The way from a group back to itself; empty when there is none."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for inner in groups[way[-1]].get("groups") or ():
            if inner == start:
                return [*way, start]
            if inner not in seen:
                seen.add(inner)
                ways.append([*way, inner])
    return []


def _near(word: str, known: Iterable[str], where: str) -> str:
    near = get_close_matches(word, sorted(known), n=1)
    return f"Did you mean '{near[0]}'? Else define it {where}." if near else f"Define it {where}."
