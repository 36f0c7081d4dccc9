# SPDX-License-Identifier: Apache-2.0
"""Workspaces with their datastores and computes; the seed makes them, ARM changes them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.errors import AzureError, not_found
from azure_sandbox.kernel.ports import Directory, Lake, ManagedIdentity
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.services.machinelearning.records import (
    ACCOUNT_KEY,
    ACTION,
    ARTIFACT_STORE,
    BLOB_STORE,
    NO_CREDENTIALS,
    Compute,
    Credentials,
    Datastore,
    Workspace,
)


class Workspaces:
    """The workspaces of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._stored = cloud.store.collection("machinelearning.workspace")
        self._seeded = cloud.store.collection("machinelearning.workspace-seed")

    def seed(self, document: dict[str, Any]) -> None:
        """Create what the seed's ``workspaces`` section describes, anew where the section was edited.

        :raises InvalidSeed: where an entry lacks a field
        """
        for entry in document.get("workspaces") or ():
            workspace = self._from_seed(entry)
            key = _key(workspace)
            if self._stored.get(key) is None or self._seeded.get(key) != entry:
                self.save(self._provisioned(workspace))
                self._seeded.put(key, entry)

    def save(self, workspace: Workspace) -> None:
        """Keep a new workspace, or what became of one."""
        self._stored.put(_key(workspace), asdict(workspace))

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

    def again(self, workspace: Workspace) -> Workspace:
        """A workspace as it is now: others may have changed it while a request's body arrived."""
        found = self._stored.get(_key(workspace))
        return _workspace(found) if found else workspace

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
        """A managed identity by its seed name or its ARM id."""
        directory = self._cloud.port(Directory)
        found = name if name.startswith("/") else directory.object_id_by_name(name)
        return directory.managed_identity(found) if found else None

    def system_identity(self, workspace: Workspace) -> ManagedIdentity:
        return self._cloud.port(Directory).create_managed_identity(workspace.scope)

    def own_identity(self, workspace: Workspace) -> ManagedIdentity | None:
        """Who acts for the workspace: its system identity, else its primary user-assigned one."""
        if workspace.system:
            return self.system_identity(workspace)
        return self.identity(workspace.primary) if workspace.primary else None

    def compute_identities(self, workspace: Workspace, compute: Compute) -> list[ManagedIdentity]:
        """The identities of a compute target; the first is what mounts storage."""
        named = (self.identity(name) for name in compute.identities)
        found = [identity for identity in named if identity is not None]
        if not compute.system:
            return found
        scope = f"{workspace.scope}/computes/{compute.name}"
        return [self._cloud.port(Directory).create_managed_identity(scope), *found]

    def _provisioned(self, workspace: Workspace) -> Workspace:
        """With the containers that it needs, and the keys that its datastores keep."""
        self.system_identity(workspace)
        lake = self._cloud.port(Lake)
        for store in workspace.datastores:
            if lake.account_scope(store.account) is None:
                raise InvalidSeed(
                    f"workspaces: {workspace.name} names storage account {store.account!r}, "
                    "which storage_accounts does not hold"
                )
            lake.ensure_container(store.account, store.container)
        return self.with_current_keys(workspace, *(store.name for store in workspace.datastores))

    def with_current_keys(self, workspace: Workspace, *names: str) -> Workspace:
        """A workspace some of whose datastores store their account's key as it is now."""
        lake = self._cloud.port(Lake)
        fresh = tuple(
            replace(store, credentials=Credentials(ACCOUNT_KEY, lake.account_key(store.account)))
            if store.name in names and store.credentials.kind == ACCOUNT_KEY
            else store
            for store in workspace.datastores
        )
        return replace(workspace, datastores=fresh)

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
            computes=_computes(entry),
            datastores=_datastores(entry, guid, auth),
        )


def _datastores(entry: dict[str, Any], guid: str, auth: str) -> tuple[Datastore, ...]:
    account = str(entry["storage_account"])
    try:
        named = tuple(Datastore.from_document(item) for item in entry.get("datastores") or ())
    except TypeError as error:
        raise InvalidSeed(f"workspaces: a datastore of {entry['name']} is not usable: {error}") from None
    return system_datastores(account, guid, auth) + named


def system_datastores(account: str, guid: str, auth: str) -> tuple[Datastore, ...]:
    """The two that every workspace has; ``auth`` is its ``systemDatastoresAuthMode``."""
    credentials = Credentials(NO_CREDENTIALS if auth == "identity" else ACCOUNT_KEY)
    return (
        Datastore(BLOB_STORE, account, f"azureml-blobstore-{guid}", credentials),
        Datastore(ARTIFACT_STORE, account, "azureml", credentials),
    )


def _computes(entry: dict[str, Any]) -> tuple[Compute, ...]:
    try:
        return tuple(Compute.from_document(item) for item in entry.get("computes") or ())
    except TypeError as error:
        raise InvalidSeed(f"workspaces: a compute of {entry['name']} is not usable: {error}") from None


def _key(workspace: Workspace) -> str:
    return f"{workspace.group}/{workspace.name}".lower()


def _workspace(document: dict[str, Any]) -> Workspace:
    return Workspace(
        **{
            **document,
            "identities": tuple(document["identities"]),
            "computes": tuple(Compute.from_document(item) for item in document["computes"]),
            "datastores": tuple(Datastore.from_document(item) for item in document["datastores"]),
        }
    )


def asset_not_found(kind: str, name: str, version: str = "") -> AzureError:
    """404 for a code, environment, data, model, component, datastore or compute."""
    which = f"{name}:{version}" if version else name
    return not_found("ResourceNotFound", f"The specified resource was not found: {kind} {which!r}.")
