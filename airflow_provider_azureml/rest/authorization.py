# SPDX-License-Identifier: Apache-2.0
"""Who may do what, as ARM tells it: role assignments, role definitions, denies, and the caller's own permissions.

A refused read raises DeniedError: it says nothing about the principal that was asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import DeniedError, NotFoundError
from airflow_provider_azureml.rest.flow import Flow, Request, expect, pages

API_VERSION = "2022-04-01"
"""The first version that shows conditions and is no preview."""
PROVIDER = "providers/Microsoft.Authorization"


@dataclass(frozen=True)
class Permission:
    """One entry of a role definition, or of a deny assignment."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleDefinition:
    """A role.

    :param kind: `BuiltInRole` or `CustomRole`.
    """

    id: str
    guid: str
    name: str
    permissions: tuple[Permission, ...]
    kind: str = ""
    description: str = ""
    assignable_scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """A role assignment.

    :param principal_id: who holds it: perhaps a group of the principal that was asked about.
    :param role_id: ARM id of the role definition.
    :param created_by: object id of who made it; empty when Azure does not say.
    """

    id: str
    principal_id: str
    role_id: str
    scope: str
    condition: str = ""
    principal_type: str = ""
    description: str = ""
    created_by: str = ""
    created_on: str = ""

    @property
    def role_guid(self) -> str:
        """GUID of the role definition."""
        return self.role_id.rsplit("/", 1)[-1].lower()


@dataclass(frozen=True)
class Deny:
    """One deny assignment.

    :param principals: object ids, of groups too; all zeros for everybody.
    :param is_for_children: whether it reaches below its scope.
    """

    deny_id: str
    name: str
    scope: str
    permissions: tuple[Permission, ...]
    principals: frozenset[str]
    excluded: frozenset[str] = frozenset()
    is_for_children: bool = True
    condition: str = ""


def assignments_of(cloud: Cloud, scope: str, principal_id: str) -> Flow[list[Assignment]]:
    """What a principal holds at a scope and above it, through groups too. Raises DeniedError."""
    return _assignments(cloud, scope, f"atScope() and assignedTo('{principal_id}')")


def assignments_below(cloud: Cloud, scope: str, principal_id: str) -> Flow[list[Assignment]]:
    """The same, and what it holds below the scope."""
    return _assignments(cloud, scope, f"assignedTo('{principal_id}')")


def assignments_at(cloud: Cloud, scope: str) -> Flow[list[Assignment]]:
    """What anybody holds at a scope and above it, not below. Raises DeniedError."""
    return _assignments(cloud, scope, "atScope()")


def role_definition(cloud: Cloud, role_id: str) -> Flow[RoleDefinition]:
    """A role by its ARM id. Raises NotFoundError or DeniedError."""
    answer = yield _get(cloud, role_id if role_id.startswith("/") else f"/{role_id}")
    return _definition(expect(answer, 200).json())


def role_named(cloud: Cloud, scope: str, name: str) -> Flow[RoleDefinition | None]:
    """A role by the name that people know it by; None when a scope has none of it."""
    text = name.replace("'", "''")
    found = yield from pages(_get(cloud, f"{scope}/{PROVIDER}/roleDefinitions", f"roleName eq '{text}'"))
    return _definition(found[0]) if found else None


def definitions_of(cloud: Cloud, assignments: list[Assignment]) -> Flow[dict[str, RoleDefinition]]:
    """The roles of assignments by GUID, each asked for once; one that is not to be had is left out."""
    known: dict[str, RoleDefinition] = {}
    for guid, role_id in {each.role_guid: each.role_id for each in assignments}.items():
        try:
            known[guid] = yield from role_definition(cloud, role_id)
        except (NotFoundError, DeniedError):
            continue
    return known


def denies_at(cloud: Cloud, scope: str) -> Flow[list[Deny]]:
    """Deny assignments at a scope and above it, whoever they are about. Raises DeniedError."""
    found = yield from pages(_get(cloud, f"{scope}/{PROVIDER}/denyAssignments", "atScope()"))
    return [deny(item) for item in found]


def permissions(cloud: Cloud, scope: str) -> Flow[tuple[Permission, ...]]:
    """What the caller itself may do on a resource: needs no right to read assignments, shows no condition."""
    found = yield from pages(_get(cloud, f"{scope}/{PROVIDER}/permissions"))
    return tuple(_permission(item) for item in found)


def _assignments(cloud: Cloud, scope: str, wanted: str) -> Flow[list[Assignment]]:
    found = yield from pages(_get(cloud, f"{scope}/{PROVIDER}/roleAssignments", wanted))
    return [_assignment(item) for item in found]


def _get(cloud: Cloud, path: str, wanted: str = "") -> Request:
    query = f"?api-version={API_VERSION}" + (f"&$filter={quote(wanted, safe='()')}" if wanted else "")
    return Request("GET", f"{cloud.resource_manager}{quote(path)}{query}", scope=cloud.arm_scope)


def _assignment(item: Mapping[str, Any]) -> Assignment:
    told = item["properties"]
    return Assignment(
        id=str(item["id"]),
        principal_id=str(told["principalId"]),
        role_id=str(told["roleDefinitionId"]),
        scope=str(told["scope"]),
        condition=str(told.get("condition") or ""),
        principal_type=str(told.get("principalType") or ""),
        description=str(told.get("description") or ""),
        created_by=str(told.get("createdBy") or ""),
        created_on=str(told.get("createdOn") or ""),
    )


def _definition(item: Mapping[str, Any]) -> RoleDefinition:
    told = item["properties"]
    return RoleDefinition(
        id=str(item["id"]),
        guid=str(item["name"]).lower(),
        name=str(told["roleName"]),
        permissions=tuple(_permission(each) for each in told.get("permissions") or ()),
        kind=str(told.get("type") or ""),
        description=str(told.get("description") or ""),
        assignable_scopes=tuple(map(str, told.get("assignableScopes") or ())),
    )


def deny(item: Mapping[str, Any]) -> Deny:
    """One as ARM shows it."""
    told = item["properties"]
    return Deny(
        deny_id=str(item["id"]),
        name=str(told.get("denyAssignmentName") or item.get("name") or ""),
        scope=str(told["scope"]),
        permissions=tuple(_permission(each) for each in told.get("permissions") or ()),
        principals=_ids(told.get("principals")),
        excluded=_ids(told.get("excludePrincipals")),
        is_for_children=not told.get("doNotApplyToChildScopes"),
        condition=str(told.get("condition") or ""),
    )


def _ids(found: Any) -> frozenset[str]:
    return frozenset(str(each["id"]).lower() for each in found or ())


def _permission(item: Mapping[str, Any]) -> Permission:
    parts = ("actions", "notActions", "dataActions", "notDataActions")
    return Permission(*(tuple(map(str, item.get(part) or ())) for part in parts))
