# SPDX-License-Identifier: Apache-2.0
"""Making applications and service principals, owning them, and giving them Graph's own permissions.

Source: https://learn.microsoft.com/graph/api/application-post-applications, serviceprincipal-post-serviceprincipals,
application-post-owners, serviceprincipal-post-approleassignments.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.identity import APPLICATION, Identity
from azure_sandbox.kernel.operation import Caller
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.services.graph.refusals import bad_request, conflict, denied, holds, missing

#: Client id of Microsoft Graph in every tenant; the object id of its service principal differs in each.
GRAPH = "00000003-0000-0000-c000-000000000000"
#: Graph's application permissions that this sandbox knows, with their ids (docs: permissions-reference).
PERMISSIONS = {
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f0da61",
}
_MAKES = {"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}
_GIVES = {"AppRoleAssignment.ReadWrite.All"}

Body = dict[str, Any]


class Registrations:
    """What POST makes. An application and its service principal are one row: see `pending`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._pending = cloud.store.collection("graph.application-alone")

    @property
    def _registry(self) -> Registry:
        return self._cloud.port(Registry)

    def pending(self, identity: Identity) -> bool:
        """Whether an application has no service principal yet."""
        return self._pending.get(identity.client_id.lower()) is not None

    def create(self, caller: Caller, body: Body) -> Identity:
        """An application; whoever makes it owns it.

        :raises AzureError: 403, or 400 without a name
        """
        if not holds(caller, _MAKES):
            raise denied()
        name = body.get("displayName")
        if not isinstance(name, str) or not name.strip():
            raise bad_request("Property displayName of resource Application is required.")
        made = Identity(
            APPLICATION,
            name,
            str(uuid.uuid4()),
            str(uuid.uuid4()),
            application_id=str(uuid.uuid4()),
            owners=(caller.object_id,),
            created=self._cloud.clock.time(),
            location=self._cloud.location,
        )
        self._registry.save(made)
        self._pending.put(made.client_id.lower(), {})
        return made

    def create_principal(self, caller: Caller, body: Body) -> Identity:
        """The service principal of an application.

        :raises AzureError: 403; 400 for an application that does not exist; 409 where it has one
        """
        if not holds(caller, _MAKES):
            raise denied()
        client_id = str(body.get("appId") or "")
        found = self._registry.identity(client_id)
        if found is None or found.kind != APPLICATION or found.client_id.lower() != client_id.lower():
            message = f"The appId '{client_id}' of the service principal does not reference a valid application object."
            raise AzureError(400, "Request_BadRequest", message)
        if not self.pending(found):
            raise conflict(
                "The service principal cannot be created, updated, or restored because the service principal name "
                f"{client_id} is already in use."
            )
        self._pending.delete(client_id.lower())
        return found

    def owners(self, application: Identity) -> list[Identity]:
        """Principals that own an application."""
        found = (self._registry.identity(owner) for owner in application.owners)
        return [owner for owner in found if owner is not None]

    def add_owner(self, application: Identity, body: Body) -> None:
        """:raises AzureError: 404 for an owner that does not exist, 400 for one that is one already"""
        identifier = str(body.get("@odata.id") or "").rstrip("/").rpartition("/")[2]
        owner = self._registry.identity(identifier)
        if owner is None or owner.principal_id.lower() != identifier.lower():
            raise missing(identifier)
        if owner.principal_id in application.owners:
            raise bad_request(
                "One or more added object references already exist for the following modified properties: 'owners'."
            )
        self._registry.save(replace(application, owners=(*application.owners, owner.principal_id)))

    @property
    def graph_id(self) -> str:
        """Object id of Graph's own service principal."""
        return stable_guid("graph-principal", self._cloud.tenant_id)

    def graph_principal(self) -> Body:
        """Graph as a service principal, with its permissions."""
        roles = [
            {"id": identifier, "value": name, "allowedMemberTypes": ["Application"], "isEnabled": True}
            for name, identifier in PERMISSIONS.items()
        ]
        return {
            "id": self.graph_id,
            "appId": GRAPH,
            "displayName": "Microsoft Graph",
            "accountEnabled": True,
            "servicePrincipalType": "Application",
            "servicePrincipalNames": [GRAPH],
            "alternativeNames": [],
            "appRoles": roles,
        }

    def given(self, principal: Identity) -> list[Body]:
        """Permissions of Graph that a principal has."""
        return [self._assignment(principal, name) for name in principal.app_roles if name in PERMISSIONS]

    def give(self, caller: Caller, principal: Identity, body: Body) -> Body:
        """:raises AzureError: 403; 400 for what is no permission of Graph, or is given already"""
        if not holds(caller, _GIVES):
            raise denied()
        name = next((n for n, identifier in PERMISSIONS.items() if identifier == body.get("appRoleId")), None)
        mine = (body.get("principalId"), body.get("resourceId")) == (principal.principal_id, self.graph_id)
        if name is None or not mine:
            raise bad_request("Permission being assigned was not found on application")
        if name in principal.app_roles:
            raise bad_request("Permission being assigned already exists on the object")
        self._registry.save(replace(principal, app_roles=(*principal.app_roles, name)))
        return self._assignment(principal, name)

    def _assignment(self, principal: Identity, name: str) -> Body:
        return {
            "id": stable_guid("app-role-assignment", principal.principal_id, name),
            "appRoleId": PERMISSIONS[name],
            "principalId": principal.principal_id,
            "principalDisplayName": principal.name,
            "principalType": "ServicePrincipal",
            "resourceId": self.graph_id,
            "resourceDisplayName": "Microsoft Graph",
        }
