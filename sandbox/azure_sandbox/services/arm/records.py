# SPDX-License-Identifier: Apache-2.0
"""Resource groups, and rows of the kernel's RBAC as ARM writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.denies import ALL_PRINCIPALS, DenyAssignment
from azure_sandbox.kernel.identity import FederatedCredential, Identity
from azure_sandbox.kernel.rbac import Permission, RoleAssignment, RoleDefinition

Resource = dict[str, Any]

AUTHORIZATION = "Microsoft.Authorization"
UAMI = "Microsoft.ManagedIdentity/userAssignedIdentities"


class GroupRecords:
    """Resource groups by name, which Azure compares without case."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._groups = cloud.store.collection("resource-group")

    def get(self, name: str) -> Resource | None:
        document = self._groups.get(name.lower())
        return self._resource(document) if document else None

    def all(self) -> list[Resource]:
        return [self._resource(document) for document in self._groups.values()]

    def put(self, name: str, location: str, tags: dict[str, str]) -> bool:
        """Create or replace; True where it is new."""
        document = {"name": name, "location": location, "tags": tags}
        if self._groups.insert(name.lower(), document):
            return True
        held = self._groups.get(name.lower()) or document
        self._groups.put(name.lower(), {**held, "tags": tags})
        return False

    def ensure(self, name: str) -> None:
        self._groups.insert(name.lower(), {"name": name, "location": self._cloud.location, "tags": {}})

    def _resource(self, document: dict[str, Any]) -> Resource:
        return {
            "id": self._cloud.group_scope(document["name"]),
            "name": document["name"],
            "type": "Microsoft.Resources/resourceGroups",
            "location": document["location"],
            "tags": document["tags"],
            "properties": {"provisioningState": "Succeeded"},
        }


def role_definition(role: RoleDefinition, scope: str) -> Resource:
    """A role as seen at a scope; built-in roles are repeated below every subscription."""
    parts = scope.split("/")
    prefix = "/".join(parts[:3]) if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
    return {
        "id": f"{prefix}/providers/{AUTHORIZATION}/roleDefinitions/{role.guid}",
        "name": role.guid,
        "type": f"{AUTHORIZATION}/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": role.kind,
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [permission(entry) for entry in role.permissions],
        },
    }


def permission(entry: Permission) -> Resource:
    return {
        "actions": list(entry.actions),
        "notActions": list(entry.not_actions),
        "dataActions": list(entry.data_actions),
        "notDataActions": list(entry.not_data_actions),
    }


#: The first api-version of role assignments that has conditions (conditions-role-assignments-rest.md).
CONDITIONS_SINCE = "2020-03-01"
CONDITION_VERSION = "2.0"


def role_assignment(assignment: RoleAssignment, subscription_scope: str, api_version: str) -> Resource:
    """Older versions of the API show no condition; what they show grants less than it seems to."""
    created, updated = assignment.created_on, assignment.updated_on or assignment.created_on
    provider = f"providers/{AUTHORIZATION}"
    condition = {
        "condition": assignment.condition or None,
        "conditionVersion": CONDITION_VERSION if assignment.condition else None,
    }
    return {
        "id": f"{assignment.scope}/{provider}/roleAssignments/{assignment.guid}",
        "name": assignment.guid,
        "type": f"{AUTHORIZATION}/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{subscription_scope}/{provider}/roleDefinitions/{assignment.role}",
            "principalId": assignment.principal_id,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            **(condition if api_version >= CONDITIONS_SINCE else {}),
            "createdOn": iso(created),
            "updatedOn": iso(updated),
            "createdBy": assignment.created_by,
            "updatedBy": assignment.updated_by or assignment.created_by,
            "delegatedManagedIdentityResourceId": None,
            "description": assignment.description,
        },
    }


def deny_assignment(deny: DenyAssignment, kind_of: Callable[[str], str]) -> Resource:
    """:param kind_of: the type of the principal or group with an object id"""
    when = iso(deny.created_on)
    condition = {
        "condition": deny.condition or None,
        "conditionVersion": CONDITION_VERSION if deny.condition else None,
    }

    def listed(object_ids: tuple[str, ...]) -> list[Resource]:
        return [
            {"id": one, "type": "SystemDefined" if one == ALL_PRINCIPALS else kind_of(one)}
            for one in object_ids
        ]

    return {
        "id": deny.resource_id,
        "name": deny.guid,
        "type": f"{AUTHORIZATION}/denyAssignments",
        "properties": {
            "denyAssignmentName": deny.name,
            "description": deny.description,
            "permissions": [{**permission(entry), **condition} for entry in deny.permissions],
            "scope": deny.scope,
            "doNotApplyToChildScopes": deny.only_at_scope,
            "principals": listed(deny.principals),
            "excludePrincipals": listed(deny.excluded),
            "isSystemProtected": deny.system_protected,
            **condition,
            "createdOn": when,
            "updatedOn": when,
            "createdBy": None,
            "updatedBy": None,
        },
    }


def managed_identity(identity: Identity, tenant_id: str) -> Resource:
    return {
        "id": identity.resource_id,
        "name": identity.name,
        "type": UAMI,
        "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": tenant_id,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    }


def federated_credential(owner: Identity, credential: FederatedCredential) -> Resource:
    return {
        "id": f"{owner.resource_id}/federatedIdentityCredentials/{credential.name}",
        "name": credential.name,
        "type": f"{UAMI}/federatedIdentityCredentials",
        "properties": {
            "issuer": credential.issuer,
            "subject": credential.subject,
            "audiences": list(credential.audiences),
        },
    }
