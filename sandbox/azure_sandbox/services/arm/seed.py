# SPDX-License-Identifier: Apache-2.0
"""Groups, roles and grants of the seed; the built-in roles are there without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.rbac import Permission, RoleAssignment, RoleDefinition
from azure_sandbox.kernel.seed import InvalidSeed, Seed, resolve_scope
from azure_sandbox.services.arm.service import ResourceManager

_BUILT_IN = Path(__file__).with_name("builtin_roles.yaml")


def seed_arm(cloud: Cloud, manager: ResourceManager, document: Seed) -> None:
    """:raises InvalidSeed: where a grant names an unknown principal, role or scope"""
    for entry in yaml.safe_load(_BUILT_IN.read_text(encoding="utf8")):
        cloud.rbac.define(_role(entry, entry["guid"], "BuiltInRole", ("/",)))
    for name in _group_names(document):
        manager.groups.ensure(name)
    for entry in document.get("role_definitions") or ():
        _seed_role(cloud, entry)
    for entry in document.get("role_assignments") or ():
        _seed_assignment(cloud, manager, document, entry)


def _group_names(document: Seed) -> list[str]:
    """The listed groups, and those that any resource of the seed lies in."""
    names = [str(name) for name in document.get("resource_groups") or ()]
    for section in document.values():
        entries = section if isinstance(section, list) else ()
        names += [e["resource_group"] for e in entries if isinstance(e, dict) and e.get("resource_group")]
    return names


def _seed_role(cloud: Cloud, entry: dict[str, Any]) -> None:
    if not entry.get("name"):
        raise InvalidSeed("role_definitions: every role needs a name")
    guid = stable_guid("role-definition", str(entry["name"]))
    if cloud.rbac.role(guid) is None:
        cloud.rbac.define(_role(entry, guid, "CustomRole", (cloud.subscription_scope(),)))


def _role(entry: dict[str, Any], guid: str, kind: str, scopes: tuple[str, ...]) -> RoleDefinition:
    parts = ("actions", "not_actions", "data_actions", "not_data_actions")
    permission = Permission(*(tuple(map(str, entry.get(part) or ())) for part in parts))
    return RoleDefinition(
        guid, str(entry["name"]), (permission,), str(entry.get("description") or ""), kind, scopes
    )


def _seed_assignment(cloud: Cloud, manager: ResourceManager, document: Seed, entry: dict[str, Any]) -> None:
    principal, role, scope = (str(entry.get(part)) for part in ("principal", "role", "scope"))
    object_id = manager.directory.object_id_by_name(principal)
    if object_id is None:
        raise InvalidSeed(f"role_assignments: no principal is named {principal!r}")
    found = next((r for r in cloud.rbac.roles() if r.name.lower() == role.lower()), None)
    if found is None:
        raise InvalidSeed(f"role_assignments: no role is named {role!r}")
    target = resolve_scope(cloud, document, scope)
    guid = stable_guid("role-assignment", target, object_id, found.guid)
    if cloud.rbac.assignment(guid) is None:
        cloud.rbac.assign(RoleAssignment(guid, target, found.guid, object_id, created_on=cloud.clock.time()))
