# SPDX-License-Identifier: Apache-2.0
"""Role definitions and assignments: what may be written, and who sees which.

Texts: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.condition_attributes import ASSIGNMENTS, REQUEST, RESOURCE, Attributes, key
from azure_sandbox.kernel.condition_parser import InvalidCondition, parse
from azure_sandbox.kernel.errors import AzureError, bad_request
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.rbac import Permission, RoleAssignment, RoleDefinition, contains
from azure_sandbox.kernel.roles import GROUP, SERVICE_PRINCIPAL
from azure_sandbox.services.arm.records import CONDITION_VERSION, CONDITIONS_SINCE
from azure_sandbox.services.arm.service import is_guid

#: Role assignments that one subscription may hold; fixed (identity.md 2.2).
ASSIGNMENT_LIMIT = 4000

Body = dict[str, Any]


def requested_assignment(
    cloud: Cloud, scope: str, name: str, body: Body, creator: str, api_version: str
) -> RoleAssignment:
    """The assignment that a PUT asks for.

    :raises AzureError: 400, naming what is wrong
    """
    if not is_guid(name):
        raise bad_request(
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        )
    given = properties_of(body)
    role = role_of(cloud, scope, given.get("roleDefinitionId"))
    principal, kind = principal_of(cloud, given)
    description, now = given.get("description"), cloud.clock.time()
    return RoleAssignment(
        name.lower(),
        scope,
        role.guid,
        principal,
        kind,
        description if isinstance(description, str) else None,
        created_on=now,
        created_by=creator,
        condition=condition_of(given, api_version),
        updated_on=now,
        updated_by=creator,
    )


def properties_of(body: Body) -> Body:
    """The ``properties`` of a resource's body; none where they are no object."""
    properties = body.get("properties")
    return properties if isinstance(properties, dict) else {}


def condition_of(given: Body, api_version: str) -> str:
    """The condition of an assignment that is asked for, empty where there is none.

    :raises AzureError: 400 where it cannot be evaluated
    """
    condition, version = given.get("condition"), given.get("conditionVersion")
    if condition is None or condition == "":
        return ""
    if api_version < CONDITIONS_SINCE:
        raise bad_request(
            "ConditionNotSupported",
            f"api-version {api_version} knows no conditions; 2022-04-01 does, and so do earlier previews.",
        )
    if version not in (None, CONDITION_VERSION):
        raise _bad_condition(f"conditionVersion must be '{CONDITION_VERSION}'.")
    if not isinstance(condition, str):
        raise _bad_condition("It must be a text.")
    try:
        parse(condition)
    except InvalidCondition as error:
        raise _bad_condition(str(error)) from None
    return condition


def _bad_condition(why: str) -> AzureError:
    return bad_request("InvalidConditionFormat", f"The given role assignment condition is invalid. {why}")


def assign(cloud: Cloud, wanted: RoleAssignment) -> bool:
    """Make an assignment; True where it is new, False where one of this name has the same grant: then
    condition and description become those that are wanted.

    :raises AzureError: 409 for the same grant under another name, 400 for another grant of this name
    """
    held = cloud.rbac.assignment(wanted.guid)
    if held is not None:
        if _grant(held) != _grant(wanted):
            raise bad_request(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        if (held.condition, held.description) != (wanted.condition, wanted.description):
            changed = replace(wanted, created_on=held.created_on, created_by=held.created_by, lag=held.lag)
            cloud.rbac.reassign(changed)
        return False
    everything = cloud.rbac.assignments()
    twin = next((other for other in everything if _grant(other) == _grant(wanted)), None)
    if twin is not None:
        raise AzureError(
            409,
            "RoleAssignmentExists",
            "The role assignment already exists. The ID of the existing role assignment is "
            f"{twin.guid.replace('-', '')}.",
        )
    if len(everything) >= ASSIGNMENT_LIMIT:
        raise bad_request(
            "RoleAssignmentLimitExceeded", "The limit of role assignments of this subscription is reached."
        )
    cloud.rbac.assign(wanted)
    return True


def attributes_of(cloud: Cloud, given: Body, *, held: bool = False) -> Attributes:
    """What a condition may ask of an assignment, by its ``properties``.

    :param held: whether it is one that is there, and not one that is to be written
    """
    role, principal = given.get("roleDefinitionId"), given.get("principalId")
    guid = role.rstrip("/").rpartition("/")[2] if isinstance(role, str) else ""
    principal = principal if isinstance(principal, str) else ""
    return _attributes(RESOURCE if held else REQUEST, guid, principal, kind_of(cloud, principal) or "")


def attributes_held(held: RoleAssignment) -> Attributes:
    """What a condition may ask of an assignment that is to be deleted."""
    return _attributes(RESOURCE, held.role, held.principal_id, held.principal_type)


def _attributes(source: str, role: str, principal: str, kind: str) -> Attributes:
    values = {"RoleDefinitionId": role, "PrincipalId": principal, "PrincipalType": kind}
    return {key(source, f"{ASSIGNMENTS}:{name}"): value for name, value in values.items() if value}


def visible_assignments(
    cloud: Cloud, scope: str, *, below: bool, principals: frozenset[str] | None
) -> list[RoleAssignment]:
    """Assignments at a scope and above it and, where ``below``, under it; to one of these, or to anyone."""
    return [
        assignment
        for assignment in cloud.rbac.assignments()
        if (contains(assignment.scope, scope) or (below and contains(scope, assignment.scope)))
        and (principals is None or assignment.principal_id in principals)
    ]


def visible_roles(cloud: Cloud, scope: str) -> list[RoleDefinition]:
    """Built-in roles, and custom roles that may be assigned at the scope or below it."""
    return [role for role in cloud.rbac.roles() if _is_assignable(role, scope)]


def requested_role(scope: str, guid: str, body: Body) -> RoleDefinition:
    """The custom role that a PUT asks for.

    :raises AzureError: 400, naming what is wrong
    """
    if not is_guid(guid):
        raise bad_request("RoleDefinitionIdInvalid", f"The role definition ID '{guid}' must be a GUID.")
    given = properties_of(body)
    name, permissions = given.get("roleName"), given.get("permissions")
    if not isinstance(name, str) or not name:
        raise _bad_role("The role definition name is missing.")
    if not isinstance(permissions, list) or not all(isinstance(entry, dict) for entry in permissions):
        raise _bad_role("The role definition permissions are missing.")
    scopes = _texts(given.get("assignableScopes"), "assignableScopes")
    if not scopes or not any(contains(above, scope) for above in scopes):
        raise _bad_role(f"The assignable scopes must include the scope '{scope}'.")
    description = given.get("description")
    return RoleDefinition(
        guid.lower(),
        name,
        tuple(_permission(entry) for entry in permissions),
        description if isinstance(description, str) else "",
        "CustomRole",
        scopes,
    )


def define(cloud: Cloud, role: RoleDefinition) -> bool:
    """Create or replace a custom role; True where it is new.

    :raises AzureError: 409 for a name that is taken, 400 for a built-in role
    """
    held = cloud.rbac.role(role.guid)
    if held is not None and held.kind == "BuiltInRole":
        raise bad_request("RoleDefinitionUpdateNotPermitted", "A built-in role cannot be updated.")
    for other in cloud.rbac.roles():
        if other.name.lower() == role.name.lower() and other.guid != role.guid:
            raise AzureError(
                409,
                "RoleDefinitionWithSameNameExists",
                f"A custom role with the same name already exists in this directory. Use a different name "
                f"('{role.name}').",
            )
    cloud.rbac.define(role)
    return held is None


def undefine(cloud: Cloud, guid: str) -> RoleDefinition | None:
    """Remove a custom role; None where there is none.

    :raises AzureError: 400 where it is assigned or built in
    """
    role = cloud.rbac.role(guid)
    if role is None:
        return None
    if role.kind == "BuiltInRole":
        raise bad_request("RoleDefinitionDeleteNotPermitted", "A built-in role cannot be deleted.")
    if any(assignment.role == role.guid for assignment in cloud.rbac.assignments()):
        raise bad_request(
            "RoleDefinitionHasAssignments", "There are existing role assignments referencing role."
        )
    cloud.rbac.undefine(guid)
    return role


def _grant(assignment: RoleAssignment) -> tuple[str, str, str]:
    return assignment.scope.lower().rstrip("/"), assignment.principal_id.lower(), assignment.role


def role_of(cloud: Cloud, scope: str, role_id: Any) -> RoleDefinition:
    """The role that an id names.

    :raises AzureError: 400 where there is none that may be assigned at the scope
    """
    if not isinstance(role_id, str):
        raise bad_request("InvalidRoleDefinitionId", "The role definition ID is missing.")
    guid = role_id.rstrip("/").rpartition("/")[2]
    role = cloud.rbac.role(guid)
    # Outside its assignable scopes a custom role does not exist.
    if role is None or not any(contains(above, scope) for above in role.assignable_scopes):
        raise bad_request(
            "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{guid}' does not exist."
        )
    return role


def kind_of(cloud: Cloud, object_id: str) -> str | None:
    """The ``principalType`` of an object of the directory; None where there is none."""
    if cloud.rbac.groups.get(object_id):
        return GROUP
    return SERVICE_PRINCIPAL if cloud.port(Directory).principal_exists(object_id) else None


def principal_of(cloud: Cloud, given: Body) -> tuple[str, str]:
    """Object id and type of whom an assignment is for.

    :raises AzureError: 400, naming what is wrong
    """
    principal = given.get("principalId")
    if not isinstance(principal, str) or not is_guid(principal):
        raise bad_request("InvalidPrincipalId", "A valid principal ID must be provided for role assignment.")
    kind = kind_of(cloud, principal)
    if kind is None:
        raise bad_request(
            "PrincipalNotFound",
            f"Principal {principal.replace('-', '')} does not exist in the directory {cloud.tenant_id}. Check "
            "that you have the correct principal ID. If you are creating this principal and then immediately "
            "assigning a role, this error might be related to a replication delay. In this case, set the role "
            "assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See "
            "https://aka.ms/docs-principaltype",
        )
    said = given.get("principalType") or kind
    if said != kind:
        raise bad_request(
            "UnmatchedPrincipalType",
            f"The PrincipalId '{principal.replace('-', '')}' has type '{kind}' , which is different "
            f"from specified PrinciaplType '{said}'.",
        )
    return principal.lower(), kind


def _is_assignable(role: RoleDefinition, scope: str) -> bool:
    return any(contains(above, scope) or contains(scope, above) for above in role.assignable_scopes)


def _permission(entry: Body) -> Permission:
    names = ("actions", "notActions", "dataActions", "notDataActions")
    return Permission(*(_texts(entry.get(name), name) for name in names))


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _bad_role(f"'{name}' must be a list of texts.")
    return tuple(value)


def _bad_role(message: str) -> AzureError:
    return bad_request("InvalidRoleDefinition", message)
