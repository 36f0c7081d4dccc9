# SPDX-License-Identifier: Apache-2.0
"""Reading what is known about one workspace (`facts.py`), in three requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_azureml.access.facts import Compute, Datastore, Principal, WorkspaceFacts
from airflow_provider_azureml.errors import DeniedError, NotFoundError
from airflow_provider_azureml.rest.flow import Flow, expect, legible, pages
from airflow_provider_azureml.rest.workspace import Workspace

T = TypeVar("T")


def facts_of(workspace: Workspace, submitter: Principal | None = None) -> Flow[WorkspaceFacts]:
    """Itself, its datastores, its computes. What is refused is told in `unread`.

    :param submitter: who submits, where known.
    """
    unread: dict[str, str] = {}

    own = yield from _attempt("workspace", _attached(workspace), unread)
    stores = yield from _attempt("datastores", _listed(workspace, "/datastores", _datastore), unread)
    computes = yield from _attempt("computes", _listed(workspace, "/computes", compute), unread)
    return WorkspaceFacts(
        scope=workspace.path,
        attached=own,
        datastores=None if stores is None else {store.name: store for store in stores},
        computes=None if computes is None else {each.name: each for each in computes},
        submitter=submitter,
        unread=unread,
    )


def _attempt(name: str, flow: Flow[T], unread: dict[str, str]) -> Flow[T | None]:
    """The flow's result; None, and a reason, where it is refused."""
    try:
        return (yield from legible(flow))
    except (DeniedError, NotFoundError) as error:
        unread[name] = f"{name} of the workspace: {error.status} {error.code}"
        return None


def _attached(workspace: Workspace) -> Flow[tuple[Principal, ...]]:
    body = expect((yield workspace.request("GET")), 200).json()
    return _principals(body.get("identity") or {}, is_system_too=False)


def _listed(workspace: Workspace, path: str, record: Callable[[Mapping[str, Any]], T]) -> Flow[list[T]]:
    return [record(item) for item in (yield from pages(workspace.request("GET", path)))]


def _datastore(item: Mapping[str, Any]) -> Datastore:
    told = item["properties"]
    account = str(told.get("accountName") or "")
    container = str(told.get("containerName") or told.get("filesystem") or "")
    group, subscription = told.get("resourceGroup"), told.get("subscriptionId")
    scope = ""
    if group and subscription and container:
        scope = (
            f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage"
            f"/storageAccounts/{account}/blobServices/default/containers/{container}"
        )
    kind = str((told.get("credentials") or {}).get("credentialsType") or "None")
    return Datastore(str(item["name"]), account, container, scope, kind, bool(told.get("isDefault")))


def compute(item: Mapping[str, Any]) -> Compute:
    """One as ARM shows it."""
    kind = str(item["properties"].get("computeType") or "")
    return Compute(str(item["name"]), kind, _principals(item.get("identity") or {}, is_system_too=True))


def _principals(identity: Mapping[str, Any], *, is_system_too: bool) -> tuple[Principal, ...]:
    """The user-assigned ones in ARM's order, which is no promise; else the resource's own."""
    assigned = identity.get("userAssignedIdentities") or {}
    found = tuple(
        Principal(str(each.get("principalId") or ""), str(each.get("clientId") or ""), resource_id)
        for resource_id, each in assigned.items()
    )
    if not found and is_system_too and identity.get("principalId"):
        return (Principal(str(identity["principalId"])),)
    return found
