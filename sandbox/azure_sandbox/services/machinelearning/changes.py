# SPDX-License-Identifier: Apache-2.0
"""What ARM may change of a workspace, and what a new one is like."""

from __future__ import annotations

from dataclasses import replace

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.computes import Assigned, assigned
from azure_sandbox.services.machinelearning.records import ACTION, Json, Workspace, user_error
from azure_sandbox.services.machinelearning.workspaces import Workspaces, system_datastores

_MODES = ("accesskey", "identity")
#: Members that are kept and shown, and change nothing here.
_SWITCHES = (
    "containerRegistry",
    "friendlyName",
    "description",
    "publicNetworkAccess",
    "v1LegacyMode",
    "imageBuildCompute",
)


def new_workspace(cloud: Cloud, group: str, name: str, document: Json) -> Workspace:
    """A workspace as a PUT describes it.

    :raises AzureError: 400 where it names no storage account that exists
    """
    properties = document.get("properties") or {}
    account = str(properties.get("storageAccount") or "").rpartition("/")[2]
    if not account or cloud.port(Lake).account_scope(account) is None:
        raise user_error(
            "The field properties.storageAccount must be the id of a storage account that exists."
        )
    guid = stable_guid("workspace", group, name)
    made = Workspace(
        name=name,
        group=group,
        guid=guid,
        scope=cloud.resource_scope(group, ACTION, name),
        storage_account=account,
        key_vault=str(properties.get("keyVault") or "").rpartition("/")[2],
        datastores=system_datastores(account, guid, _MODES[0]),
    )
    for store in made.datastores:
        cloud.port(Lake).ensure_container(store.account, store.container)
    return made


def changed(workspaces: Workspaces, workspace: Workspace, document: Json) -> Workspace:
    """A workspace after a PATCH or PUT; what is not named stays, but a list of identities replaces the list.

    :raises AzureError: 400 naming the member
    """
    properties = document.get("properties") or {}
    asked = assigned(document, Assigned(workspace.system, workspace.identities))
    for name in asked.identities:
        if workspaces.identity(name) is None:
            raise user_error(
                f"The identity '{name}' does not exist.", inner=("BadArgument", "InvalidIdentity")
            )
    tags = document.get("tags")
    workspace = replace(
        workspace,
        system=asked.system,
        identities=asked.identities,
        primary=str(properties.get("primaryUserAssignedIdentity") or workspace.primary),
        tags=dict(tags) if isinstance(tags, dict) else workspace.tags,
        switches={**workspace.switches, **{key: properties[key] for key in _SWITCHES if key in properties}},
    )
    mode = str(properties.get("systemDatastoresAuthMode") or workspace.system_datastores_auth).lower()
    if mode not in _MODES:
        raise user_error(f"systemDatastoresAuthMode '{mode}' is not one of {', '.join(_MODES)}.")
    return _with_mode(workspaces, workspace, mode)


def _with_mode(workspaces: Workspaces, workspace: Workspace, mode: str) -> Workspace:
    """With its own datastores read by key, or by whoever reads."""
    system = system_datastores(workspace.storage_account, workspace.guid, mode)
    names = {store.name for store in system}
    if mode == workspace.system_datastores_auth and names <= {store.name for store in workspace.datastores}:
        return workspace
    others = tuple(store for store in workspace.datastores if store.name not in names)
    workspace = replace(workspace, system_datastores_auth=mode, datastores=(*system, *others))
    return workspaces.with_current_keys(workspace, *names)
