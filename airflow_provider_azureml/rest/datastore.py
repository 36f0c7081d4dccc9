# SPDX-License-Identifier: Apache-2.0
"""Datastores: names that a workspace gives to containers."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_azureml.rest.flow import Flow, expect
from airflow_provider_azureml.rest.workspace import Workspace


def container_scope(workspace: Workspace, name: str) -> Flow[str]:
    """ARM id of the container behind a datastore, as a role assignment wants it.

    :return: empty for a datastore that is not a container of a storage account, or that does not say
        where its account lies (its `subscriptionId` and `resourceGroup` are optional in Azure ML's API).
    """
    answer = yield workspace.request("GET", f"/datastores/{quote(name)}")
    properties = expect(answer, 200).json()["properties"]
    group = properties.get("resourceGroup")
    subscription = properties.get("subscriptionId")
    container = properties.get("containerName") or properties.get("filesystem")
    if not (group and subscription and container):
        return ""
    account = f"Microsoft.Storage/storageAccounts/{properties['accountName']}"
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{account}"
        f"/blobServices/default/containers/{container}"
    )
