# SPDX-License-Identifier: Apache-2.0
"""A first manifest from what tasks were seen to need: pure; what nobody can infer is left to a person, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_azureml.access.needs import BLOBS, CONTRIBUTOR, SECRETS, Wanted
from airflow_provider_azureml.access.scope import Places, short

_PREFIXES = ("azureml_", "azure_ml_", "aml_")


@dataclass(frozen=True)
class Seen:
    """One task.

    :param run: the managed identity that its job runs as, as the manifest has it; empty where it has no job or
        none is named.
    :param job: path of its job definition, relative to the manifest.
    :param notes: what a person has to see to.
    :param owns: names of applications that it must own, to rotate their secrets.
    """

    name: str
    conn_id: str
    run: Mapping[str, str] = field(default_factory=dict)
    job: str = ""
    wanted: Sequence[Wanted] = ()
    notes: Sequence[str] = ()
    is_ungranted: bool = False
    queue: str = ""
    service_account: str = ""
    owns: Sequence[str] = ()


@dataclass(frozen=True)
class Signing:
    """How a connection signs in.

    :param principal: `application` or `managed_identity`, and its name, as the manifest has them.
    :param federated: as the manifest has them.
    :param reader: the managed identity that reads its secret, and the secret, as the manifest has them.
    """

    principal: Mapping[str, Any]
    federated: Sequence[Mapping[str, str]] = ()
    reader: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Inferred:
    """All that a manifest is made of."""

    tasks: Sequence[Seen]
    signings: Mapping[str, Signing]
    head: Mapping[str, Any]
    namespace: str = ""
    notes: Sequence[str] = field(default_factory=tuple)


def manifest_of(inferred: Inferred) -> dict[str, Any]:
    """The manifest's content, in the order in which a person reads it."""
    groups = _grouped(inferred.tasks)
    identities = {
        name: _identity(tasks, inferred) for name, tasks in _named(groups, inferred.signings).items()
    }
    content = {**inferred.head, **_sections(identities, inferred.head), "identities": identities}
    return {name: value for name, value in content.items() if value or name == "identities"}


def _grouped(tasks: Iterable[Seen]) -> dict[tuple[str, ...], list[Seen]]:
    """By connection and run identity; a task without a job goes with the first of its connection's."""
    ordered = sorted(tasks, key=lambda each: not each.run)
    groups: dict[tuple[str, ...], list[Seen]] = {}
    for each in ordered:
        key = (each.conn_id, *each.run.values())
        if not each.run:
            key = next((known for known in groups if known[0] == each.conn_id), key)
        groups.setdefault(key, []).append(each)
    return groups


def _named(
    groups: Mapping[tuple[str, ...], list[Seen]], signings: Mapping[str, Signing]
) -> dict[str, list[Seen]]:
    named: dict[str, list[Seen]] = {}
    for (conn_id, *run), tasks in sorted(groups.items()):
        name = next((conn_id.removeprefix(each) for each in _PREFIXES if conn_id.startswith(each)), conn_id)
        several = sum(other == conn_id for other, *_ in groups) > 1
        named[f"{name}-{'.'.join(run)}" if several and run else name or "unknown"] = tasks
    return named


def _identity(tasks: Sequence[Seen], inferred: Inferred) -> dict[str, Any]:
    first = tasks[0]
    signing = inferred.signings.get(first.conn_id, Signing({"application": first.conn_id or "unknown"}))
    granted = [each for each in tasks if not each.is_ungranted]
    wanted = [each for task in granted for each in task.wanted]
    places = Places.of(inferred.head)
    run = {**first.run, **_grants((w for w in wanted if w.who == "run"), places)} if first.run else {}
    owns = sorted({name for task in granted for name in task.owns})
    submitter = {
        **signing.principal,
        "federated": [dict(each) for each in signing.federated],
        **_grants((w for w in wanted if w.who == "submitter"), places),
        "graph": ["Application.ReadWrite.OwnedBy"] if owns else [],
        "owns": owns,
    }
    content = {
        "namespace": inferred.namespace,
        "tasks": sorted(task.name for task in granted),
        "jobs": sorted({task.job for task in granted if task.job}),
        "ungranted": sorted(task.name for task in tasks if task.is_ungranted),
        "airflow": _airflow(tasks),
        "submitter": _compact(submitter),
        "run": _compact(run),
        "reader": signing.reader,
        "by_hand": _notes(granted, signing, places),
    }
    return _compact(content)


def _airflow(tasks: Sequence[Seen]) -> dict[str, str]:
    values = {"conn_id": tasks[0].conn_id}
    for name in ("queue", "service_account"):
        found = {getattr(task, name) for task in tasks} - {""}
        values[name] = found.pop() if len(found) == 1 else ""
    return _compact(values)


def _notes(tasks: Sequence[Seen], signing: Signing, places: Places) -> list[str]:
    lines = [f"{task.name}: {note}" for task in tasks for note in task.notes]
    doubts = [
        f"{task.name}: {each.why}: {doubt}"
        for task in tasks
        for each in task.wanted
        if (doubt := _doubt(each, places))
    ]
    return list(dict.fromkeys((*signing.notes, *lines, *doubts)))


def _doubt(wanted: Wanted, places: Places) -> str:
    """Why nothing is granted for it here; empty where something may be."""
    if wanted.doubt or wanted.secret or places.holds(wanted.need.scope):
        return wanted.doubt
    return f"{wanted.need.scope} lies in another subscription: grant it by a manifest of that one"


def _grants(wanted: Iterable[Wanted], places: Places) -> dict[str, Any]:
    """Least roles at the scopes that are known, data and secrets in their own words."""
    known = [each for each in wanted if each.need.scope and not each.secret and not _doubt(each, places)]
    data = [each for each in known if each.need.action.startswith(BLOBS)]
    secrets = [each for each in known if each.need.action.startswith(SECRETS)]
    others = [each for each in known if each not in data and each not in secrets]
    roles = dict.fromkeys((each.role, places.written(each.need.scope)) for each in others)
    return {
        "roles": [{"role": role, "scope": scope} for role, scope in roles],
        "data": list(_data(data)),
        "secrets": list(_secrets(secrets)),
    }


def _data(wanted: Sequence[Wanted]) -> Iterator[dict[str, str]]:
    for scope in dict.fromkeys(each.need.scope for each in wanted):
        mine = [each for each in wanted if each.need.scope == scope]
        entry = {"container": short(scope).removeprefix("container:")}
        prefix = _common([_path(each) for each in mine])
        if prefix:
            entry["prefix"] = prefix
        patterns = dict.fromkeys(each.uri for each in mine if "{{" in each.uri)
        if patterns:
            entry["pattern"] = ", ".join(uri.rpartition("/paths/")[2] for uri in patterns)
        writes = any(each.role == CONTRIBUTOR for each in mine)
        yield {**entry, "access": "write" if writes else "read"}


def _path(wanted: Wanted) -> str:
    attributes = wanted.need.attributes
    return str(attributes.get("path", attributes.get("prefix", "")) or "")


def _common(paths: Sequence[str]) -> str:
    """The folder that all paths lie in; empty for the container itself."""
    first, last = min(paths), max(paths)
    pairs = enumerate(zip(first, last, strict=False))
    differs = next((at for at, (one, other) in pairs if one != other), min(len(first), len(last)))
    return first[: first.rfind("/", 0, differs) + 1]


def _secrets(wanted: Sequence[Wanted]) -> Iterator[dict[str, str]]:
    for scope in dict.fromkeys(each.need.scope for each in wanted):
        rotates = any(each.need.scope == scope and "setSecret" in each.need.action for each in wanted)
        secret = short(scope).removeprefix("secret:")
        yield {"secret": secret, "access": "rotate" if rotates else "read"}


def _sections(identities: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, Any]:
    """`workspaces`, `accounts` and `vaults`: those named in some grant, in the head's resource groups."""
    known: Mapping[str, Mapping[str, Any]] = {
        section: head.get(section) or {} for section in ("workspaces", "accounts", "vaults")
    }
    used: dict[str, set[str]] = {section: set() for section in known}
    for identity in identities.values():
        for part in ("submitter", "run", "reader"):
            for section, name in _used(identity.get(part) or {}):
                used[section].add(name)
    return {
        section: {name: known[section].get(name, {}) for name in sorted(used[section])} for section in used
    }


def _used(principal: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in principal.get("roles") or ():
        kind, _, name = entry["scope"].partition(":")
        if kind == "workspace":
            yield "workspaces", name
    for entry in principal.get("data") or ():
        yield "accounts", entry["container"].partition("/")[0]
    for entry in principal.get("secrets") or ():
        yield "vaults", entry["secret"].partition("/")[0]


def _compact(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value}
