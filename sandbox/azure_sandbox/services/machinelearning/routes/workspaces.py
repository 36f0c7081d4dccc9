# SPDX-License-Identifier: Apache-2.0
"""Workspaces, and the discovery that clients ask for first."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import PUBLIC, Call, Operation
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.machinelearning import changes
from azure_sandbox.services.machinelearning.computes import Assigned, shown_identity
from azure_sandbox.services.machinelearning.identities import check_assignable
from azure_sandbox.services.machinelearning.records import (
    ACTION,
    ARTIFACT_STORE,
    BLOB_STORE,
    Json,
    Workspace,
)
from azure_sandbox.services.machinelearning.routes.binding import WORKSPACE, WORKSPACES, Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.surfaces import REGION
from azure_sandbox.services.machinelearning.views import tracking_uri


def operations(service: MachineLearning) -> list[Operation]:
    routes, bind = _Routes(service), Binder(service)
    return [
        Operation(MANAGEMENT, "GET", WORKSPACES, routes.list_group, f"{ACTION}/read"),
        Operation(
            MANAGEMENT,
            "GET",
            f"/subscriptions/{{s}}/providers/{ACTION}",
            routes.list_subscription,
            f"{ACTION}/read",
        ),
        bind.arm("GET", "", routes.get, "/read"),
        Operation(MANAGEMENT, "PUT", WORKSPACE, routes.put, f"{ACTION}/write"),
        bind.arm("PATCH", "", routes.patch, "/write"),
        bind.arm("POST", "/resyncKeys", routes.resync_keys, "/resyncKeys/action"),
        Operation(REGION, "GET", "/discovery", routes.discovery, PUBLIC),
        Operation(REGION, "GET", "/discovery/workspaces/{guid}", routes.discovery, PUBLIC),
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._service = service
        self._cloud = service.cloud

    async def list_group(self, call: Call) -> Response:
        found = self._service.workspaces.all(call.params["g"])
        return JSONResponse({"value": [self._workspace(workspace) for workspace in found]})

    async def list_subscription(self, call: Call) -> Response:
        found = self._service.workspaces.all()
        return JSONResponse({"value": [self._workspace(workspace) for workspace in found]})

    async def get(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(self._workspace(workspace))

    async def put(self, call: Call) -> Response:
        """Create a workspace, or change one that exists. Done when it answers."""
        group, name, body = call.params["g"], call.params["w"], await call.json()
        workspaces = self._service.workspaces
        try:
            workspace = workspaces.get(call.params["s"], group, name)
        except AzureError:
            made = changes.new_workspace(self._cloud, group, name, body)
            workspace = workspaces.with_current_keys(made, BLOB_STORE, ARTIFACT_STORE)
        return self._change(call, workspace, body)

    async def patch(self, call: Call, workspace: Workspace) -> Response:
        body = await call.json()
        return self._change(call, self._service.workspaces.again(workspace), body)

    def _change(self, call: Call, workspace: Workspace, body: Json) -> Response:
        workspaces = self._service.workspaces
        changed = changes.changed(workspaces, workspace, body)
        fresh = [name for name in changed.identities if name not in workspace.identities]
        for identity in filter(None, map(workspaces.identity, fresh)):
            check_assignable(self._cloud, call.caller, f"{ACTION}/write", workspace.scope, identity)
        workspaces.save(changed)
        return JSONResponse(self._workspace(changed))

    async def resync_keys(self, call: Call, workspace: Workspace) -> Response:
        """Its own datastores store their account's key as it is now."""
        workspaces = self._service.workspaces
        workspaces.save(workspaces.with_current_keys(workspace, BLOB_STORE, ARTIFACT_STORE))
        return Response(status_code=200)

    async def discovery(self, call: Call) -> Response:
        host = self._host
        services = ("api", "history", "mlflow", "experimentation", "modelmanagement", "datastore", "studio")
        return JSONResponse({name: host for name in services})

    @property
    def _host(self) -> str:
        return f"https://{self._cloud.location}.{self._cloud.azure.region}"

    def _workspace(self, workspace: Workspace) -> Json:
        lake = self._cloud.port(Lake)
        vault = self._cloud.resource_scope(workspace.group, "Microsoft.KeyVault/vaults", workspace.key_vault)
        properties = {
            "friendlyName": workspace.name,
            "description": "",
            "primaryUserAssignedIdentity": workspace.primary or None,
            "workspaceId": workspace.guid,
            "storageAccount": lake.account_scope(workspace.storage_account),
            "keyVault": vault if workspace.key_vault else None,
            "applicationInsights": None,
            "containerRegistry": None,
            "discoveryUrl": f"{self._host}/discovery",
            "mlFlowTrackingUri": tracking_uri(self._cloud, workspace),
            "systemDatastoresAuthMode": workspace.system_datastores_auth,
            "publicNetworkAccess": "Enabled",
            "provisioningState": "Succeeded",
            "hbiWorkspace": False,
            "tenantId": self._cloud.tenant_id,
            "v1LegacyMode": False,
            **workspace.switches,
        }
        return {
            "id": workspace.scope,
            "name": workspace.name,
            "type": ACTION,
            "location": self._cloud.location,
            "tags": workspace.tags,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": self._identity(workspace) or {"type": "None"},
            "properties": properties,
        }

    def _identity(self, workspace: Workspace) -> Json | None:
        service = self._service.workspaces
        attached = service.attached_identities(workspace)
        system = service.system_identity(workspace) if workspace.system else None
        asked = Assigned(workspace.system, workspace.identities)
        return shown_identity(self._cloud, asked, system, attached)
