# SPDX-License-Identifier: Apache-2.0
"""Workspaces with their datastores and computes; they come from the seed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.errors import AzureError, not_found
from azure_sandbox.kernel.ports import Directory, Lake, ManagedIdentity
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.services.machinelearning.records import (
    ACTION,
    ARTIFACT_STORE,
    BLOB_STORE,
    Compute,
    Datastore,
    Workspace,
)


class Workspaces:
    """The workspaces of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stored = cloud.store.collection("machinelearning.workspace")

    def seed(self, document: dict[str, Any]) -> None:
        """Create or refresh what the seed's ``workspaces`` section describes.

        :raises InvalidSeed: where an entry lacks a field
        """
        for entry in document.get("workspaces") or ():
            workspace = self._from_seed(entry)
            self._stored.put(f"{workspace.group}/{workspace.name}".lower(), asdict(workspace))
            self._provision(workspace)

    def get(self, subscription: str, group: str, name: str) -> Workspace:
        """A workspace by its names, without case.

        :raises AzureError: 404 ResourceNotFound
        """
        found = self._stored.get(f"{group}/{name}".lower())
        if found is None or subscription.lower() != self._cloud.subscription_id.lower():
            raise not_found(
                "ResourceNotFound",
                f"The Resource '{ACTION}/{name}' under resource group '{group}' was not found. "
                "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return _workspace(found)

    def by_guid(self, guid: str) -> Workspace:
        """A workspace by its id; KeyError where it is gone."""
        for workspace in self.all():
            if workspace.guid == guid:
                return workspace
        raise KeyError(guid)

    def all(self, group: str | None = None) -> list[Workspace]:
        found = [_workspace(document) for document in self._stored.values()]
        return [item for item in found if group is None or item.group.lower() == group.lower()]

    def attached_identities(self, workspace: Workspace) -> list[ManagedIdentity]:
        """The user-assigned identities that jobs without compute may name."""
        named = (self.identity(name) for name in workspace.identities)
        return [identity for identity in named if identity is not None]

    def identity(self, name: str) -> ManagedIdentity | None:
        """A managed identity by its seed name."""
        directory = self._cloud.port(Directory)
        object_id = directory.object_id_by_name(name)
        return directory.managed_identity(object_id) if object_id else None

    def system_identity(self, workspace: Workspace) -> ManagedIdentity:
        return self._cloud.port(Directory).create_managed_identity(workspace.scope)

    def compute_identity(self, workspace: Workspace, compute: Compute) -> ManagedIdentity | None:
        """The identity that a cluster mounts storage with."""
        if compute.identity:
            return self.identity(compute.identity)
        scope = f"{workspace.scope}/computes/{compute.name}"
        return self._cloud.port(Directory).create_managed_identity(scope)

    def _provision(self, workspace: Workspace) -> None:
        self.system_identity(workspace)
        lake = self._cloud.port(Lake)
        for store in workspace.datastores:
            if lake.account_scope(store.account) is None:
                raise InvalidSeed(
                    f"workspaces: {workspace.name} names storage account {store.account!r}, "
                    "which storage_accounts does not hold"
                )
            lake.ensure_container(store.account, store.container)

    def _from_seed(self, entry: dict[str, Any]) -> Workspace:
        missing = [key for key in ("name", "resource_group", "storage_account") if not entry.get(key)]
        if missing:
            raise InvalidSeed(f"workspaces: an entry lacks {missing[0]!r}")
        name, group = str(entry["name"]), str(entry["resource_group"])
        guid = stable_guid("workspace", group, name)
        auth = str(entry.get("system_datastores_auth") or "accesskey")
        if auth not in ("identity", "accesskey"):
            raise InvalidSeed(f"workspaces: system_datastores_auth of {name} is identity or accesskey")
        return Workspace(
            name=name,
            group=group,
            guid=guid,
            scope=self._cloud.resource_scope(group, ACTION, name),
            storage_account=str(entry["storage_account"]),
            key_vault=str(entry.get("key_vault") or ""),
            identities=tuple(entry.get("identities") or ()),
            system_datastores_auth=auth,
            computes=tuple(Compute(**item) for item in entry.get("computes") or ()),
            datastores=_datastores(entry, guid, auth),
        )


def _datastores(entry: dict[str, Any], guid: str, auth: str) -> tuple[Datastore, ...]:
    account = str(entry["storage_account"])
    credentials = "none" if auth == "identity" else "account_key"
    system = (
        Datastore(BLOB_STORE, account, f"azureml-blobstore-{guid}", credentials),
        Datastore(ARTIFACT_STORE, account, "azureml", credentials),
    )
    try:
        named = tuple(Datastore(**item) for item in entry.get("datastores") or ())
    except TypeError as error:
        raise InvalidSeed(f"workspaces: a datastore of {entry['name']} is not usable: {error}") from None
    return system + named


def _workspace(document: dict[str, Any]) -> Workspace:
    return Workspace(
        **{
            **document,
            "identities": tuple(document["identities"]),
            "computes": tuple(Compute(**item) for item in document["computes"]),
            "datastores": tuple(Datastore(**item) for item in document["datastores"]),
        }
    )


def asset_not_found(kind: str, name: str, version: str = "") -> AzureError:
    """404 for a code, environment, data, model, component, datastore or compute."""
    which = f"{name}:{version}" if version else name
    return not_found("ResourceNotFound", f"The specified resource was not found: {kind} {which!r}.")
