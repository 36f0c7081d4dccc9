# SPDX-License-Identifier: Apache-2.0
"""The seed's ``groups``: what exists already is left as it is."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.groups import Group
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.seed import InvalidSeed, Seed

_FIELDS = frozenset({"name", "description", "members"})


def seed_groups(cloud: Cloud, document: Seed) -> None:
    """:raises InvalidSeed: where a member is neither a principal nor a group"""
    entries: list[dict[str, Any]] = document.get("groups") or []
    for entry in entries:
        unknown = sorted(set(entry) - _FIELDS)
        if unknown or not entry.get("name"):
            raise InvalidSeed(f"groups: {f'unknown field {unknown[0]!r}' if unknown else 'name missing'}")
    ids = {str(entry["name"]): stable_guid("group", str(entry["name"])) for entry in entries}
    for entry in entries:
        name = str(entry["name"])
        if cloud.rbac.groups.get(ids[name]) is None:
            members = tuple(_member(cloud, ids, name, str(one)) for one in entry.get("members") or ())
            description = str(entry["description"]) if entry.get("description") else None
            now = cloud.clock.time()
            cloud.rbac.groups.save(Group(ids[name], name, name, description, members, created=now))


def _member(cloud: Cloud, groups: dict[str, str], group: str, name: str) -> str:
    object_id = groups.get(name) or cloud.port(Directory).object_id_by_name(name)
    if object_id is None:
        raise InvalidSeed(f"groups: {group!r} has the member {name!r}, who does not exist")
    return object_id
