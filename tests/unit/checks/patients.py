# SPDX-License-Identifier: Apache-2.0
"""A connection and what Azure says about it, as canned answers: cases for the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.hooks.examination import Examination
from tests.unit.canned import DENIED, CannedHook

GUID = "11111111-1111-1111-1111-111111111111"
GROUP = "/subscriptions/sub/resourceGroups/rg"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
LAKE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lake"
CONTAINER = f"{LAKE}/blobServices/default/containers/raw"
RUN = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/run"
EXTRA: Mapping[str, str] = {
    "auth": "client_secret",
    "tenant_id": GUID,
    "client_id": GUID,
    "subscription_id": GUID,
    "resource_group": "rg",
    "workspace_name": "ws",
}
STORE = {
    "name": "raw",
    "properties": {
        "accountName": "lake",
        "filesystem": "raw",
        "resourceGroup": "rg",
        "subscriptionId": "sub",
        "credentials": {"credentialsType": "None"},
    },
}
IDENTITY = {
    "type": "UserAssigned",
    "userAssignedIdentities": {RUN: {"principalId": "o-run", "clientId": GUID}},
}
OPEN = {
    "id": LAKE,
    "name": "lake",
    "properties": {"isHnsEnabled": True, "networkAcls": {"defaultAction": "Allow"}},
}
JOB = {
    "jobType": "Command",
    "identity": {"identityType": "Managed", "clientId": GUID},
    "inputs": {"d": {"jobInputType": "uri_folder", "uri": "azureml://datastores/raw/paths/x"}},
}


class Patient(CannedHook):
    """A hook whose connection is this one."""

    def __init__(self, **extra: str) -> None:
        super().__init__()
        self.settings = parse("azureml_train", "azureml", None, "s3cret", None, {**EXTRA, **extra})


def role_id(name: str) -> str:
    return (
        f"/subscriptions/sub/providers/Microsoft.Authorization/roleDefinitions/{ROLES[name].guid or 'ours'}"
    )


def holding(hook: CannedHook, *roles: tuple[str, str], condition: str = "") -> CannedHook:
    """Whoever is asked about holds (role, scope); there are no denies."""
    listed = [
        {
            "id": f"/assignments/{number}",
            "properties": {
                "principalId": "o-run",
                "roleDefinitionId": role_id(role),
                "scope": scope,
                "condition": condition,
            },
        }
        for number, (role, scope) in enumerate(roles)
    ]
    hook.on("GET", "/roleAssignments", {"value": listed}).on("GET", "/denyAssignments", {"value": []})
    hook.on("POST", "/getMemberGroups", {"value": []})
    for role, _ in roles:
        hook.on("GET", role_id(role), definition(role))
    return hook


def deny(named: str, excluded: str = "") -> dict[str, Any]:
    """A deny assignment of all data actions on the container."""
    return {
        "id": "/subscriptions/sub/providers/Microsoft.Authorization/denyAssignments/d",
        "properties": {
            "denyAssignmentName": "d",
            "scope": CONTAINER,
            "permissions": [{"dataActions": ["*"]}],
            "principals": [{"id": named}],
            "excludePrincipals": [{"id": excluded}] if excluded else [],
        },
    }


def definition(name: str) -> dict[str, Any]:
    return {
        "id": role_id(name),
        "name": ROLES[name].guid or "ours",
        "properties": {
            "roleName": name,
            "permissions": [
                {"actions": each.actions, "notActions": each.not_actions, "dataActions": each.data_actions}
                for each in ROLES[name].permissions
            ],
        },
    }


def submitted(hook: CannedHook, job: Mapping[str, Any] = JOB, error: str = "") -> CannedHook:
    """The workspace, its datastore, and a failed job `a` in it."""
    hook.on("GET", "/workspaces/ws", {"id": WORKSPACE, "identity": IDENTITY, "properties": {}})
    hook.on("GET", "/datastores", {"value": [STORE]}).on("GET", "/computes", {"value": []})
    hook.on("GET", "/jobs/a", {"name": "a", "properties": job})
    hook.on("GET", "/runs/a/details", {"status": "Failed", "error": {"error": {"message": error}}})
    hook.on("GET", "/runs/a/children", {"value": []})
    return hook.on("GET", "/storageAccounts/lake", OPEN)


def case(
    hook: CannedHook, job: str = "", error: str = "", uris: tuple[str, ...] = (), reader: Any = None
) -> Case:
    examination = Examination("azureml_train", hook=hook)  # type: ignore[arg-type]
    examination.reader = reader or examination.hook
    return Case(examination, job, uris, error)


__all__ = ["DENIED"]
