# SPDX-License-Identifier: Apache-2.0
"""Datastores of a workspace."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.operation import Call, Operation
from azure_sandbox.services.machinelearning import stores
from azure_sandbox.services.machinelearning.records import (
    ARTIFACT_STORE,
    BLOB_STORE,
    Datastore,
    Json,
    Workspace,
    user_error,
)
from azure_sandbox.services.machinelearning.routes.binding import Binder
from azure_sandbox.services.machinelearning.service import MachineLearning
from azure_sandbox.services.machinelearning.workspaces import asset_not_found


def operations(service: MachineLearning) -> list[Operation]:
    routes, bind = _Routes(service), Binder(service)
    return [
        bind.arm("GET", "/datastores", routes.listed, "/datastores/read"),
        bind.arm("GET", "/datastores/{d}", routes.get, "/datastores/read"),
        bind.arm("PUT", "/datastores/{d}", routes.put, "/datastores/write"),
        bind.arm("DELETE", "/datastores/{d}", routes.delete, "/datastores/delete"),
        bind.arm("POST", "/datastores/{d}/listSecrets", routes.secrets, "/datastores/listsecrets/action"),
        bind.region("GET", "/datastore/v1.0{ws}/datastores/{d}", routes.region_datastore, "/datastores/read"),
    ]


class _Routes:
    def __init__(self, service: MachineLearning) -> None:
        self._workspaces = service.workspaces
        self._cloud = service.cloud

    async def listed(self, call: Call, workspace: Workspace) -> Response:
        only_default = call.query.get("isDefault", "").lower() == "true"
        found = [store for store in workspace.datastores if not only_default or store.name == BLOB_STORE]
        return JSONResponse({"value": [stores.rendered(self._cloud, workspace, store) for store in found]})

    async def get(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(stores.rendered(self._cloud, workspace, _named(call, workspace)))

    async def put(self, call: Call, workspace: Workspace) -> Response:
        """Whether the store can be read with the credentials is found out by who reads."""
        body = await call.json()
        workspace = self._workspaces.again(workspace)
        before = workspace.datastore(call.params["d"])
        store = stores.from_arm(before.name if before else call.params["d"], body, before)
        others = tuple(item for item in workspace.datastores if item is not before)
        self._workspaces.save(replace(workspace, datastores=(*others, store)))
        return JSONResponse(stores.rendered(self._cloud, workspace, store), 200 if before else 201)

    async def delete(self, call: Call, workspace: Workspace) -> Response:
        store = workspace.datastore(call.params["d"])
        if store is None:
            return Response(status_code=204)
        if store.name in (BLOB_STORE, ARTIFACT_STORE):
            raise user_error(f"The datastore {store.name} belongs to the workspace and cannot be deleted.")
        kept = tuple(item for item in workspace.datastores if item is not store)
        self._workspaces.save(replace(workspace, datastores=kept))
        return Response(status_code=200)

    async def secrets(self, call: Call, workspace: Workspace) -> Response:
        return JSONResponse(stores.secrets_of(_named(call, workspace)))

    async def region_datastore(self, call: Call, workspace: Workspace) -> Response:
        """As azureml-fsspec asks: names only, it logs in to the store by itself."""
        store = _named(call, workspace)
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


def _named(call: Call, workspace: Workspace) -> Datastore:
    store = workspace.datastore(call.params["d"])
    if store is None:
        raise asset_not_found("datastore", call.params["d"])
    return store
