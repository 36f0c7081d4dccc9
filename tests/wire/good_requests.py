# SPDX-License-Identifier: Apache-2.0
"""One good request for each operation of each surface; the tests spoil them."""

from __future__ import annotations

from typing import Any

from tests.wire.identities import ARM, GRAPH, STORAGE, VAULT

MANAGEMENT, REGION, LOGIN, GRAPH_HOST = (
    "management.azure.com",
    "eastus.api.azureml.ms",
    "login.microsoftonline.com",
    "graph.microsoft.com",
)
VAULT_HOST, BLOB, DFS = (
    "classicvault.vault.azure.net",
    "classiclake.blob.core.windows.net",
    "classiclake.dfs.core.windows.net",
)

#: name -> method, host, target, body; ``{...}`` is filled in by the test.
REQUESTS: dict[str, tuple[str, str, str, Any]] = {
    "an ARM resource group": ("GET", MANAGEMENT, "{group}?api-version=2022-09-01", None),
    "an ARM list of groups": (
        "GET",
        MANAGEMENT,
        "{subscription}/resourcegroups?api-version=2022-09-01",
        None,
    ),
    "a role assignment": (
        "PUT",
        MANAGEMENT,
        "{group}/providers/Microsoft.Authorization/roleAssignments/{guid}?api-version=2022-04-01",
        {
            "properties": {
                "roleDefinitionId": "{subscription}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
                "principalId": "{auditor}",
                "principalType": "ServicePrincipal",
            }
        },
    ),
    "a list of role assignments": (
        "GET",
        MANAGEMENT,
        "{group}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=atScope()",
        None,
    ),
    "a role definition": (
        "PUT",
        MANAGEMENT,
        "{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}?api-version=2022-04-01",
        {
            "properties": {
                "roleName": "wire",
                "type": "CustomRole",
                "description": "",
                "assignableScopes": ["{subscription}"],
                "permissions": [
                    {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
                ],
            }
        },
    ),
    "a managed identity": (
        "PUT",
        MANAGEMENT,
        "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/wire?api-version=2023-01-31",
        {"location": "eastus", "tags": {"a": "b"}},
    ),
    "a workspace": ("GET", MANAGEMENT, "{workspace}?api-version=2024-10-01", None),
    "a command job": (
        "PUT",
        MANAGEMENT,
        "{workspace}/jobs/wire-{unique}?api-version=2024-10-01",
        {
            "properties": {
                "jobType": "Command",
                "command": "true",
                "environmentId": "{workspace}/environments/wire-{unique}/versions/1",
                "experimentName": "wire",
                "inputs": {"a": {"jobInputType": "literal", "value": "1"}},
                "outputs": {"b": {"jobOutputType": "uri_folder"}},
                "environmentVariables": {"A": "B"},
                "tags": {"t": "v"},
                "limits": {"jobLimitsType": "Command", "timeout": "PT1M"},
                "identity": {"identityType": "Managed", "clientId": "{run}"},
            }
        },
    ),
    "a list of jobs": ("GET", MANAGEMENT, "{workspace}/jobs?api-version=2024-10-01&listViewType=All", None),
    "a cancel": ("POST", MANAGEMENT, "{workspace}/jobs/wire-{unique}/cancel?api-version=2024-10-01", None),
    "a code version": (
        "PUT",
        MANAGEMENT,
        "{workspace}/codes/wire-{unique}/versions/1?api-version=2023-04-01",
        {
            "properties": {
                "codeUri": "https://classicstore.blob.core.windows.net/azureml/x",
                "isAnonymous": True,
            }
        },
    ),
    "a pending upload": (
        "POST",
        MANAGEMENT,
        "{workspace}/codes/wire-{unique}/versions/2/startPendingUpload?api-version=2023-04-01",
        {"pendingUploadType": "TemporaryBlobReference"},
    ),
    "an environment": (
        "PUT",
        MANAGEMENT,
        "{workspace}/environments/wire-{unique}/versions/1?api-version=2023-04-01",
        {"properties": {"image": "i", "condaFile": "dependencies: [python=3.11]"}},
    ),
    "a data asset": (
        "PUT",
        MANAGEMENT,
        "{workspace}/data/wire-{unique}/versions/1?api-version=2023-04-01",
        {"properties": {"dataType": "uri_folder", "dataUri": "azureml://datastores/lake/paths/a"}},
    ),
    "a model": (
        "PUT",
        MANAGEMENT,
        "{workspace}/models/wire-{unique}/versions/1?api-version=2023-08-01-preview",
        {"properties": {"modelUri": "azureml://datastores/lake/paths/a", "modelType": "custom_model"}},
    ),
    "a batch of runs": (
        "POST",
        REGION,
        "/history/v1.0{workspace}/batchrundata?api-version=v1.0",
        {"requests": {"wire-{unique}": {"runId": "wire-{unique}", "selectRunMetadata": True}}},
    ),
    "a query of runs": (
        "POST",
        REGION,
        "/history/v1.0{workspace}/experiments/wire/runs:query?api-version=v1.0",
        {"filter": "(Status eq Running)", "top": 5},
    ),
    "a run's details": ("GET", REGION, "/history/v1.0{workspace}/runs/wire-{unique}/details", None),
    "a metric": (
        "POST",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/log-metric",
        {"run_id": "wire-{unique}", "key": "m", "value": 1.5, "timestamp": 1, "step": 0},
    ),
    "a batch of metrics": (
        "POST",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/log-batch",
        {
            "run_id": "wire-{unique}",
            "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 0}],
            "params": [{"key": "p", "value": "v"}],
            "tags": [{"key": "t", "value": "v"}],
        },
    ),
    "an MLflow run": (
        "GET",
        REGION,
        "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/get?run_id=wire-{unique}",
        None,
    ),
    "discovery of a tenant": ("GET", LOGIN, "/{tenant}/v2.0/.well-known/openid-configuration", None),
    "an application": ("GET", GRAPH_HOST, "/v1.0/applications(appId='{application}')", None),
    "a list of applications": ("GET", GRAPH_HOST, "/v1.0/applications?$top=2", None),
    "a new password": (
        "POST",
        GRAPH_HOST,
        "/v1.0/applications(appId='{application}')/addPassword",
        {"passwordCredential": {"displayName": "d", "endDateTime": "2099-01-01T00:00:00Z"}},
    ),
    "a federated credential": (
        "PATCH",
        GRAPH_HOST,
        "/v1.0/applications(appId='{application}')",
        {"keyCredentials": []},
    ),
    "a new secret": (
        "PUT",
        VAULT_HOST,
        "/secrets/wire-{unique}?api-version=7.4",
        {"value": "v", "tags": {"a": "b"}, "attributes": {"enabled": True, "exp": 4102444800, "nbf": 1}},
    ),
    "a secret": ("GET", VAULT_HOST, "/secrets/wire-{unique}?api-version=7.4", None),
    "a list of secrets": ("GET", VAULT_HOST, "/secrets?api-version=7.4&maxresults=5", None),
    "a blob": ("PUT", BLOB, "/{container}/x/blob", b"content"),
    "a blob's content": ("GET", BLOB, "/{container}/x/blob", None),
    "a block": ("PUT", BLOB, "/{container}/x/blob?comp=block&blockid=AAAA", b"content"),
    "a block list": (
        "PUT",
        BLOB,
        "/{container}/x/blob?comp=blocklist",
        b"<?xml version='1.0' encoding='utf-8'?><BlockList><Latest>AAAA</Latest></BlockList>",
    ),
    "a list of blobs": ("GET", BLOB, "/{container}?restype=container&comp=list&prefix=a&maxresults=2", None),
    "a blob's metadata": ("PUT", BLOB, "/{container}/x/blob?comp=metadata", None),
    "a container's properties": ("GET", BLOB, "/{container}?restype=container", None),
    "a file": ("PUT", DFS, "/{container}/x/file?resource=file", None),
    "an append": ("PATCH", DFS, "/{container}/x/file?action=append&position=0", b"content"),
    "a flush": ("PATCH", DFS, "/{container}/x/file?action=flush&position=0", None),
    "a file's content": ("GET", DFS, "/{container}/x/file", None),
    "a file's status": ("HEAD", DFS, "/{container}/x/file?action=getStatus", None),
    "a file's permissions": ("PATCH", DFS, "/{container}/x/file?action=setAccessControl", None),
    "a list of paths": ("GET", DFS, "/{container}?resource=filesystem&recursive=true&maxResults=3", None),
    "a rename": ("PUT", DFS, "/{container}/x/renamed", None),
    "a directory": ("PUT", DFS, "/{container}/x/folder?resource=directory", None),
}
HEADERS = {
    "a blob": {"x-ms-blob-type": "BlockBlob"},
    "a blob's content": {"x-ms-range": "bytes=0-3"},
    "a blob's metadata": {"x-ms-meta-a": "b"},
    "a file's content": {"Range": "bytes=0-0"},
    "a file's permissions": {"x-ms-permissions": "0750"},
    "a rename": {"x-ms-rename-source": "/{container}/x/blob"},
}
AUDIENCES = {MANAGEMENT: ARM, REGION: ARM, GRAPH_HOST: GRAPH, VAULT_HOST: VAULT, BLOB: STORAGE, DFS: STORAGE}

#: What has to be there before a request can be a good one.
NEEDS = {
    "a command job": ("an environment",),
    "a cancel": ("an environment", "a command job"),
    "a batch of runs": ("an environment", "a command job"),
    "a query of runs": ("an environment", "a command job"),
    "a run's details": ("an environment", "a command job"),
    "a metric": ("an environment", "a command job"),
    "a batch of metrics": ("an environment", "a command job"),
    "an MLflow run": ("an environment", "a command job"),
    "a secret": ("a new secret",),
    "a blob's content": ("a blob",),
    "a block list": ("a block",),
    "a blob's metadata": ("a blob",),
    "an append": ("a file",),
    "a flush": ("a file",),
    "a file's content": ("a file", "a blob"),
    "a file's status": ("a file",),
    "a file's permissions": ("a file",),
    "a rename": ("a blob",),
}
