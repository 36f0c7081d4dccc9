# SPDX-License-Identifier: Apache-2.0
"""Workspace, datastores, computes; discovery and the clouds that clients ask for first."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import PUBLIC, Call, Operation
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.kernel.surfaces import MANAGEMENT
from azure_sandbox.services.machinelearning.records import (
    ACTION,
    BLOB_STORE,
    Compute,
    Datastore,
    Json,
    Workspace,
)
from azure_sandbox.services.machinelearning.routes.binding import WORKSPACES, Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.surfaces import REGION
from azure_sandbox.services.machinelearning.views import tracking_uri
from azure_sandbox.services.machinelearning.workspaces import asset_not_found


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
        bind.arm("GET", "/datastores", routes.datastores, "/datastores/read"),
        bind.arm("GET", "/datastores/{d}", routes.datastore, "/datastores/read"),
        bind.arm("POST", "/datastores/{d}/listSecrets", routes.secrets, "/datastores/listsecrets/action"),
        bind.arm("GET", "/computes", routes.computes, "/computes/read"),
        bind.arm("GET", "/computes/{c}", routes.compute, "/computes/read"),
        bind.region("GET", "/datastore/v1.0{ws}/datastores/{d}", routes.region_datastore, "/datastores/read"),
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

    async def datastores(self, call: Call, workspace: Workspace) -> Response:
        only_default = call.query.get("isDefault", "").lower() == "true"
        stores = [store for store in workspace.datastores if not only_default or store.name == BLOB_STORE]
        return JSONResponse({"value": [self._datastore(workspace, store) for store in stores]})

    async def datastore(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(self._datastore(workspace, _named_store(call, workspace)))

    async def secrets(self, call: Call, workspace: Workspace) -> Response:
        store = _named_store(call, workspace)
        lake = self._cloud.port(Lake)
        if store.credentials != "account_key":
            raise AzureError(
                400, "UserError", f"No secrets for credentials of type None: datastore {store.name}."
            )
        return JSONResponse({"secretsType": "AccountKey", "key": lake.account_key(store.account)})

    async def region_datastore(self, call: Call, workspace: Workspace) -> Response:
        """As azureml-fsspec asks: names only, it logs in to the store by itself."""
        store = _named_store(call, workspace)
        section: Json = {
            "accountName": store.account,
            "containerName": store.container,
            "endpoint": self._cloud.azure.storage,
            "protocol": "https",
            "credential": None,
            "credentialType": "None",
            "blobCacheTimeout": None,
            "serviceDataAccessAuthIdentity": "None",
            "isSas": False,
            "areWorkspaceManagedIdentitiesAllowed": False,
        }
        return JSONResponse(
            {
                "name": store.name,
                "dataStoreType": "AzureBlob",
                "hasBeenValidated": True,
                "tags": {},
                "azureStorageSection": section,
            }
        )

    async def computes(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse({"value": [self._compute(workspace, item) for item in workspace.computes]})

    async def compute(self, call: Call, workspace: Workspace) -> Response:
        found = workspace.compute(call.params["c"])
        if found is None:
            raise asset_not_found("compute", call.params["c"])
        return JSONResponse(self._compute(workspace, found))

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
        }
        return {
            "id": workspace.scope,
            "name": workspace.name,
            "type": ACTION,
            "location": self._cloud.location,
            "tags": {},
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": self._identity(workspace),
            "properties": properties,
        }

    def _identity(self, workspace: Workspace) -> Json:
        service = self._service.workspaces
        attached = service.attached_identities(workspace)
        system = service.system_identity(workspace)
        identity: Json = {
            "type": "SystemAssigned,UserAssigned" if attached else "SystemAssigned",
            "principalId": system.principal_id,
            "tenantId": self._cloud.tenant_id,
        }
        if attached:
            identity["userAssignedIdentities"] = {
                item.resource_id: {"principalId": item.principal_id, "clientId": item.client_id}
                for item in attached
            }
        return identity

    def _datastore(self, workspace: Workspace, store: Datastore) -> Json:
        kind = {"none": "None", "account_key": "AccountKey"}[store.credentials]
        scope = self._cloud.port(Lake).account_scope(store.account) or ""
        properties = {
            "description": None,
            "tags": {},
            "properties": None,
            "isDefault": store.name == BLOB_STORE,
            "credentials": {"credentialsType": kind},
            "datastoreType": "AzureBlob",
            "accountName": store.account,
            "containerName": store.container,
            "endpoint": self._cloud.azure.storage,
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "None",
            "subscriptionId": self._cloud.subscription_id,
            "resourceGroup": scope.split("/")[4] if scope else None,
        }
        return {
            "id": f"{workspace.scope}/datastores/{store.name}",
            "name": store.name,
            "type": f"{ACTION}/datastores",
            "properties": properties,
        }

    def _compute(self, workspace: Workspace, compute: Compute) -> Json:
        found = self._service.workspaces.compute_identity(workspace, compute)
        identity: Json | None = None
        if found and compute.identity:
            detail = {"principalId": found.principal_id, "clientId": found.client_id}
            identity = {"type": "UserAssigned", "userAssignedIdentities": {found.resource_id: detail}}
        elif found:
            tenant = self._cloud.tenant_id
            identity = {"type": "SystemAssigned", "principalId": found.principal_id, "tenantId": tenant}
        scale = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT120S"}
        return {
            "id": f"{workspace.scope}/computes/{compute.name}",
            "name": compute.name,
            "type": f"{ACTION}/computes",
            "location": self._cloud.location,
            "identity": identity,
            "properties": {
                "computeType": compute.type,
                "computeLocation": self._cloud.location,
                "provisioningState": "Succeeded",
                "isAttachedCompute": False,
                "properties": {
                    "vmSize": "STANDARD_DS3_V2",
                    "vmPriority": "Dedicated",
                    "scaleSettings": scale,
                },
            },
        }


def _named_store(call: Call, workspace: Workspace) -> Datastore:
    store = workspace.datastore(call.params["d"])
    if store is None:
        raise asset_not_found("datastore", call.params["d"])
    return store
