# SPDX-License-Identifier: Apache-2.0
"""The requests of the RBAC tests, and which of them each of the demo's identities may make.

Written by hand from the roles in ``demo/seed.yaml`` and Azure's documentation, not derived from the
sandbox: it is the other opinion. ``{...}`` in a path or body is filled in by the test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.wire.identities import ARM, STORAGE, VAULT

_ML = "Microsoft.MachineLearningServices/workspaces"
_AUTH = "Microsoft.Authorization"


@dataclass(frozen=True)
class Request:
    """One request to Azure.

    :param resource: the audience of its token
    :param action: what RBAC asks for; in the refusal's text where Azure says it
    :param role, scope: the built-in role that allows it, and where it has to be assigned
    :param prepared: URL that the owner puts a file at before
    """

    method: str
    url: str
    resource: str
    action: str
    role: str
    scope: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    prepared: str = ""


_WORKSPACE = "https://management.azure.com{workspace}"
_HISTORY = "https://eastus.api.azureml.ms/history/v1.0{workspace}"
_SCIENTIST = "AzureML Data Scientist"


def _arm(method: str, url: str, action: str, role: str, scope: str, body: Any = None) -> Request:
    version = "2022-04-01" if f"/{_AUTH}/" in url else "2024-10-01"
    return Request(method, f"{url}?api-version={version}", ARM, action, role, scope, body)


def _ml(method: str, path: str, action: str, body: Any = None, role: str = _SCIENTIST) -> Request:
    return _arm(method, _WORKSPACE + path, f"{_ML}/{action}", role, "{workspace}", body)


_JOB = {
    "properties": {
        "jobType": "Command",
        "command": "true",
        "environmentId": "{workspace}/environments/wire/versions/1",
    }
}
_CODE = {"properties": {"codeUri": "https://nightlyworkspace.blob.core.windows.net/azureml/none"}}
_MODEL = {"properties": {"modelUri": "azureml://datastores/models/paths/wire", "modelType": "custom_model"}}
_ASSIGNMENT = {
    "properties": {
        "roleDefinitionId": "{subscription}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "{auditor}",
        "principalType": "ServicePrincipal",
    }
}

CONTROL_PLANE = {
    "read the workspace": _ml("GET", "", "read", role="Reader"),
    "submit a job": _ml("PUT", "/jobs/wire-{unique}", "jobs/write", _JOB),
    "read a job": _ml("GET", "/jobs/wire-rbac", "jobs/read"),
    "list jobs": _ml("GET", "/jobs", "jobs/read"),
    "cancel a job": _ml("POST", "/jobs/wire-rbac/cancel", "jobs/cancel/action"),
    "put code": _ml("PUT", "/codes/wire-{unique}/versions/1", "codes/versions/write", _CODE),
    "put an environment": _ml(
        "PUT",
        "/environments/wire-{unique}/versions/1",
        "environments/versions/write",
        {"properties": {"image": "x"}},
    ),
    "read a datastore": _ml("GET", "/datastores/features", "datastores/read", role="Reader"),
    # Of the tests' own workspace, whose store has keys: the demo's has none to list.
    "list a datastore's secrets": _arm(
        "POST",
        "https://management.azure.com{classic}/datastores/workspaceblobstore/listSecrets",
        f"{_ML}/datastores/listsecrets/action",
        _SCIENTIST,
        "{classic}",
        {},
    ),
    "register a model": _ml("PUT", "/models/wire-{unique}/versions/1", "models/versions/write", _MODEL),
    "list a model's versions": _ml("GET", "/models/wire/versions", "models/versions/read"),
    "read a run's details": Request(
        "GET",
        _HISTORY + "/runs/wire-rbac/details",
        ARM,
        f"{_ML}/experiments/runs/read",
        _SCIENTIST,
        "{workspace}",
    ),
    "read the resource group": _arm(
        "GET",
        "https://management.azure.com{group}",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Reader",
        "{group}",
    ),
    "read the storage account": _arm(
        "GET",
        "https://management.azure.com{lake}",
        "Microsoft.Storage/storageAccounts/read",
        "Reader",
        "{lake}",
    ),
    "list the storage account's keys": _arm(
        "POST",
        "https://management.azure.com{lake}/listKeys",
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "Storage Account Key Operator Service Role",
        "{lake}",
    ),
    "read the vault": _arm(
        "GET", "https://management.azure.com{vault}", "Microsoft.KeyVault/vaults/read", "Reader", "{vault}"
    ),
    "list role assignments": _arm(
        "GET",
        "https://management.azure.com{group}/providers/Microsoft.Authorization/roleAssignments",
        f"{_AUTH}/roleAssignments/read",
        "Reader",
        "{group}",
    ),
    "assign a role": _arm(
        "PUT",
        "https://management.azure.com{vault}/providers/Microsoft.Authorization/roleAssignments/9a0c1c0e-6c0f-4b57-9b3a-3d7c1f7a2b10",
        f"{_AUTH}/roleAssignments/write",
        "Role Based Access Control Administrator",
        "{vault}",
        _ASSIGNMENT,
    ),
    "create a managed identity": _arm(
        "PUT",
        "https://management.azure.com{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/wire-{unique}",
        "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        "Managed Identity Contributor",
        "{group}",
        {"location": "eastus"},
    ),
}

_BLOB_ACTION = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_VERSION = {"x-ms-version": "2023-11-03"}


def _container(name: str) -> dict[str, Request]:
    blob, dfs = (
        f"https://nightlylake.blob.core.windows.net/{name}",
        f"https://nightlylake.dfs.core.windows.net/{name}",
    )
    scope = "{lake}/blobServices/default/containers/" + name
    reader, contributor = "Storage Blob Data Reader", "Storage Blob Data Contributor"

    def request(method: str, url: str, action: str, role: str, prepared: str = "", **headers: str) -> Request:
        wire = {**_VERSION, **{key.replace("_", "-"): value for key, value in headers.items()}}
        return Request(method, url, STORAGE, f"{_BLOB_ACTION}/{action}", role, scope, b"", wire, prepared)

    there = f"{blob}/wire/there.txt"
    moved = f"/{name}/wire/{{unique}}"
    return {
        f"read a blob of {name}": request("GET", there, "read", reader, there),
        f"read a file of {name}": request("GET", f"{dfs}/wire/there.txt", "read", reader, there),
        f"list {name}": request("GET", f"{dfs}?resource=filesystem&recursive=true", "read", reader),
        f"write a blob to {name}": request(
            "PUT", f"{blob}/wire/blob-{{unique}}", "write", contributor, x_ms_blob_type="BlockBlob"
        ),
        f"make a directory in {name}": request(
            "PUT", f"{dfs}/wire/folder-{{unique}}?resource=directory", "write", contributor
        ),
        f"delete a file of {name}": request(
            "DELETE", f"{dfs}/wire/{{unique}}", "delete", contributor, f"{blob}/wire/{{unique}}"
        ),
        f"rename a file of {name}": request(
            "PUT",
            f"{dfs}/wire/renamed-{{unique}}",
            "move/action",
            contributor,
            f"{blob}/wire/{{unique}}",
            x_ms_rename_source=moved,
        ),
        f"make somebody the owner of a file of {name}": request(
            "PATCH",
            f"{dfs}/wire/there.txt?action=setAccessControl",
            "runAsSuperUser/action",
            "Storage Blob Data Owner",
            there,
            x_ms_owner="{auditor}",
        ),
    }


def _secret(method: str, path: str, action: str, scope: str = "{secret}", body: Any = None) -> Request:
    url = f"https://nightlyvault.vault.azure.net/{path}?api-version=7.4"
    return Request(
        method,
        url,
        VAULT,
        f"Microsoft.KeyVault/vaults/secrets/{action}",
        "Key Vault Secrets Officer",
        scope,
        body,
    )


_SECRET = "secrets/airflow-registry"

DATA_PLANE = {
    **_container("raw"),
    **_container("features"),
    **_container("models"),
    "get the secret": _secret("GET", _SECRET, "getSecret/action"),
    # The same value again: whoever signs in with it still can.
    "set the secret": _secret("PUT", _SECRET, "setSecret/action", body={"value": "{value}"}),
    "list the secret's versions": _secret("GET", f"{_SECRET}/versions", "readMetadata/action"),
    "tag the secret": _secret(
        "PATCH", f"{_SECRET}/{{version}}", "update/action", body={"tags": {"wire": "yes"}}
    ),
    "list the vault's secrets": _secret("GET", "secrets", "readMetadata/action", "{vault}"),
}

REQUESTS = {**CONTROL_PLANE, **DATA_PLANE}

_SUBMIT = {
    "read the workspace",
    "submit a job",
    "read a job",
    "list jobs",
    "cancel a job",
    "put code",
    "put an environment",
    "read a datastore",
    "read a run's details",
}
_REGISTER = {
    "read the workspace",
    "read a job",
    "list jobs",
    "read a run's details",
    "register a model",
    "list a model's versions",
}


def _read(container: str) -> set[str]:
    return {f"read a blob of {container}", f"read a file of {container}", f"list {container}"}


def _write(container: str) -> set[str]:
    changes = ("write a blob to", "make a directory in", "delete a file of", "rename a file of")
    return _read(container) | {f"{change} {container}" for change in changes}


#: Identity of the demo -> all it may do; whatever else stands in REQUESTS it may not.
ALLOWED: dict[str, set[str]] = {
    "airflow-rotation": {"get the secret", "set the secret", "list the secret's versions", "tag the secret"},
    "airflow-land": _write("raw"),
    "airflow-prep": _SUBMIT,
    "airflow-train": _SUBMIT,
    "airflow-registry": _REGISTER,
    "model-steward": _REGISTER,
    "registry-reader": {"get the secret", "list the secret's versions"},
    "airflow-worker": set(),
    "run-prep": _read("raw") | _write("features"),
    "run-train": _read("features") | _write("models"),
    # Reader: every control-plane read, no key, no data.
    "auditor": {
        "read the workspace",
        "read a job",
        "list jobs",
        "read a datastore",
        "list a model's versions",
        "read a run's details",
        "read the resource group",
        "read the storage account",
        "read the vault",
        "list role assignments",
    },
}
