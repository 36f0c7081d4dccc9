# SPDX-License-Identifier: Apache-2.0
"""Resource groups, roles, grants and denies of the seed; the built-in roles are there without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.condition_parser import InvalidCondition
from azure_sandbox.kernel.denies import ALL_PRINCIPALS, DenyAssignment
from azure_sandbox.kernel.rbac import Permission, RoleAssignment, RoleDefinition
from azure_sandbox.kernel.roles import GROUP, SERVICE_PRINCIPAL
from azure_sandbox.kernel.seed import InvalidSeed, Seed, resolve_scope
from azure_sandbox.services.arm.schedules import DEFAULT_DAYS, OUTCOMES, Policy, Schedules
from azure_sandbox.services.arm.service import ResourceManager

#: The parts of a permission, as the seed spells them.
PARTS = ("actions", "not_actions", "data_actions", "not_data_actions")
_BUILT_IN = Path(__file__).with_name("builtin_roles.yaml")


def seed_arm(cloud: Cloud, manager: ResourceManager, schedules: Schedules, document: Seed) -> None:
    """:raises InvalidSeed: where a grant names an unknown principal, role or scope"""
    for entry in yaml.safe_load(_BUILT_IN.read_text(encoding="utf8")):
        cloud.rbac.define(_role(entry, entry["guid"], "BuiltInRole", ("/",)))
    for name in _group_names(document):
        manager.groups.ensure(name)
    for entry in document.get("role_definitions") or ():
        _seed_role(cloud, entry)
    for entry in document.get("role_assignments") or ():
        _seed_assignment(cloud, manager, document, entry)
    for entry in document.get("deny_assignments") or ():
        _seed_deny(cloud, manager, document, entry)
    for entry in document.get("pim_policies") or ():
        schedules.add_policy(_policy(cloud, document, entry))


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
    description = str(entry.get("description") or "")
    return RoleDefinition(guid, str(entry["name"]), (_permission(entry),), description, kind, scopes)


def _permission(entry: dict[str, Any]) -> Permission:
    return Permission(*(tuple(map(str, entry.get(part) or ())) for part in PARTS))


def _seed_assignment(cloud: Cloud, manager: ResourceManager, document: Seed, entry: dict[str, Any]) -> None:
    role, scope = str(entry.get("role")), str(entry.get("scope"))
    object_id, kind = _principal(cloud, manager, "role_assignments", str(entry.get("principal")))
    found = next((r for r in cloud.rbac.roles() if r.name.lower() == role.lower()), None)
    if found is None:
        raise InvalidSeed(f"role_assignments: no role is named {role!r}")
    target = resolve_scope(cloud, document, scope)
    guid = stable_guid("role-assignment", target, object_id, found.guid)
    if cloud.rbac.assignment(guid) is not None:
        return
    now, condition = cloud.clock.time(), str(entry.get("condition") or "")
    assignment = RoleAssignment(
        guid, target, found.guid, object_id, kind, created_on=now, condition=condition
    )
    try:
        cloud.rbac.assign(assignment)
    except InvalidCondition as error:
        raise InvalidSeed(f"role_assignments: the condition for {role!r} is invalid. {error}") from None


def _principal(cloud: Cloud, manager: ResourceManager, section: str, name: str) -> tuple[str, str]:
    """Object id and type of a principal or group of the seed."""
    object_id = manager.directory.object_id_by_name(name)
    if object_id is not None:
        return object_id, SERVICE_PRINCIPAL
    group = next((group for group in cloud.rbac.groups.all() if group.name == name), None)
    if group is None:
        raise InvalidSeed(f"{section}: no principal is named {name!r}")
    return group.id, GROUP


_DENY_FIELDS = frozenset(
    {"name", "scope", "principals", "excluded", "only_at_scope", "condition", "description", *PARTS}
)


def _seed_deny(cloud: Cloud, manager: ResourceManager, document: Seed, entry: dict[str, Any]) -> None:
    name = str(entry.get("name") or "")
    unknown = sorted(set(entry) - _DENY_FIELDS)
    if not name or unknown:
        raise InvalidSeed(
            f"deny_assignments: {f'unknown field {unknown[0]!r}' if unknown else 'name missing'}"
        )
    target = resolve_scope(cloud, document, str(entry.get("scope")))
    guid = stable_guid("deny-assignment", target, name)
    if cloud.rbac.denies.get(guid) is not None:
        return

    def ids(field: str) -> tuple[str, ...]:
        names = map(str, entry.get(field) or ())
        return tuple(_principal(cloud, manager, "deny_assignments", one)[0] for one in names)

    deny = DenyAssignment(
        guid,
        name,
        target,
        (_permission(entry),),
        ids("principals") or (ALL_PRINCIPALS,),
        ids("excluded"),
        bool(entry.get("only_at_scope")),
        description=str(entry.get("description") or ""),
        condition=str(entry.get("condition") or ""),
        created_on=cloud.clock.time(),
    )
    try:
        cloud.rbac.deny(deny)
    except InvalidCondition as error:
        raise InvalidSeed(f"deny_assignments: the condition of {name!r} is invalid. {error}") from None


def _policy(cloud: Cloud, document: Seed, entry: dict[str, Any]) -> Policy:
    unknown = sorted(set(entry) - {"scope", "role", "outcome", "days", "permanent"})
    outcome, days = str(entry.get("outcome") or ""), entry.get("days", DEFAULT_DAYS)
    if unknown:
        raise InvalidSeed(f"pim_policies: unknown field {unknown[0]!r}")
    if outcome not in ("", *OUTCOMES):
        raise InvalidSeed(f"pim_policies: outcome {outcome!r} is none of {', '.join(OUTCOMES)}")
    if isinstance(days, bool) or not isinstance(days, (int, float)) or days <= 0:
        raise InvalidSeed(f"pim_policies: days {days!r} must be a number above 0")
    role = entry.get("role")
    found = next((r for r in cloud.rbac.roles() if r.name.lower() == str(role).lower()), None)
    if role and found is None:
        raise InvalidSeed(f"pim_policies: no role is named {role!r}")
    scope = resolve_scope(cloud, document, str(entry.get("scope") or "subscription"))
    return Policy(scope, found.guid if role and found else "", outcome, days, bool(entry.get("permanent")))
