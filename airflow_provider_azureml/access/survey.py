# SPDX-License-Identifier: Apache-2.0
"""Reading all that a comparison wants: everything once, and what is refused is remembered, not raised.

For each principal of a manifest: one request to find it (none for a managed identity: they are listed), one for
whom it trusts, one for its role assignments in the whole subscription, one for its application permissions, one
for what it owns. The rest is read once: identities, denies, vaults, each role, each workspace (three requests),
each account that data lies in, and Graph's own permissions where somebody has, or is to have, one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from airflow_provider_azureml.access.declared import DeclaredPrincipal, Manifest
from airflow_provider_azureml.access.facts import Compute, Datastore, Principal, WorkspaceFacts
from airflow_provider_azureml.access.scope import before
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.rest import authorization, directory, graph
from airflow_provider_azureml.rest.authorization import RoleDefinition
from airflow_provider_azureml.rest.directory import ManagedIdentity, Vault
from airflow_provider_azureml.rest.flow import Flow, expect, legible, pages
from airflow_provider_azureml.rest.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True)
class Read:
    """What was asked for, or why it is not to be had."""

    value: Any = None
    problem: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there was an answer."""
        return not self.problem


@dataclass(frozen=True)
class Seen:
    """One principal as Azure knows it.

    :param found: `Principal`, or None in its value where nobody is called so.
    :param is_enabled: whether it may sign in.
    :param trusts: list of FederatedCredential.
    :param held: list of Assignment, its groups' included, anywhere in the subscription.
    :param roles: list of AppRole: Graph's permissions, and roles of other applications.
    :param owned: list of Owned.
    :param groups: object ids; asked for only where there are deny assignments, which may name them.
    """

    found: Read
    is_enabled: bool = True
    trusts: Read = field(default_factory=lambda: Read([]))
    held: Read = field(default_factory=lambda: Read([]))
    roles: Read = field(default_factory=lambda: Read([]))
    owned: Read = field(default_factory=lambda: Read([]))
    groups: Read = field(default_factory=lambda: Read(frozenset()))

    @property
    def principal(self) -> Principal | None:
        """Who it is, where known."""
        value: Principal | None = self.found.value
        return value


@dataclass(frozen=True)
class Survey:
    """All that was read.

    :param seen: by `DeclaredPrincipal.key`.
    :param roles: by GUID.
    :param accounts: by ARM id in lower case, values StorageAccount.
    :param permissions: graph.Permissions; None in its value where nobody has one, nor is to have one.
    """

    seen: Mapping[tuple[str, str], Seen]
    roles: Mapping[str, RoleDefinition]
    denies: Read
    vaults: Read
    accounts: Mapping[str, Read]
    identities: Read
    workspaces: Mapping[str, WorkspaceFacts]
    permissions: Read = field(default_factory=Read)


def attempt(flow: Flow[T]) -> Flow[Read]:
    """The flow's result; a refusal or an absence becomes a problem. Other errors are raised: no look."""
    try:
        return Read((yield from legible(flow)))
    except ServiceError as error:
        if error.status not in (400, 403, 404, 405):
            raise  # no answer, or nobody who may ask: a comparison would be a guess
        return Read(None, f"{error.status} {error.code}")


def survey(manifest: Manifest) -> Flow[Survey]:
    """Read everything. Raises UnreachableError and the like where Azure gives no answer at all."""
    cloud, subscription = manifest.cloud, manifest.places.subscription
    identities = yield from attempt(directory.managed_identities(cloud, subscription))
    denies = yield from attempt(directory.denies_in(cloud, subscription))
    seen: dict[tuple[str, str], Seen] = {}
    for declared in manifest.principals():
        one = yield from _seen(cloud, subscription, declared, identities)
        if denies.value and one.principal:
            groups = yield from attempt(graph.groups_of(cloud, one.principal.object_id))
            one = replace(one, groups=groups)
        seen[declared.key] = one
    permissions = yield from _permissions(manifest, seen.values())
    held = [each for one in seen.values() for each in one.held.value or ()]
    roles = yield from authorization.definitions_of(cloud, held)
    vaults = yield from attempt(directory.vaults(cloud, subscription))
    workspaces = {}
    for name, group in manifest.places.named.get("workspaces", {}).items():
        facts = yield from facts_of(Workspace(cloud, manifest.places.subscription_id, group, name))
        workspaces[name] = replace(facts, vaults=_by_name(vaults))
    accounts = yield from _accounts(cloud, _accounts_of(manifest))
    return Survey(seen, roles, denies, vaults, accounts, identities, workspaces, permissions)


def _permissions(manifest: Manifest, seen: Iterable[Seen]) -> Flow[Read]:
    if any(each.graph for each in manifest.principals()) or any(one.roles.value for one in seen):
        return (yield from attempt(graph.permissions(manifest.cloud)))
    return Read()


def _by_name(vaults: Read) -> dict[str, str]:
    found: Iterable[Vault] = vaults.value or ()
    return {vault.name.lower(): vault.resource_id for vault in found}


def _accounts_of(manifest: Manifest) -> list[str]:
    """ARM ids of the storage accounts in which something is granted."""
    grants = (grant for principal in manifest.principals() for grant in principal.grants)
    found: dict[str, str] = {}
    for scope in (before(grant.scope, "/blobServices/") for grant in grants):
        found.setdefault(scope.lower(), scope)
    return [scope for key, scope in found.items() if "/storageaccounts/" in key]


def _accounts(cloud: Cloud, wanted: Iterable[str]) -> Flow[dict[str, Read]]:
    found: dict[str, Read] = {}
    for resource_id in wanted:
        found[resource_id.lower()] = yield from attempt(directory.storage_account(cloud, resource_id))
    return found


def _seen(cloud: Cloud, subscription: str, declared: DeclaredPrincipal, identities: Read) -> Flow[Seen]:
    if declared.kind == "managed_identity":
        found, is_enabled = _managed(declared, identities), True
    else:
        found, is_enabled = yield from _application(cloud, declared)
    principal: Principal | None = found.value
    if principal is None:
        return Seen(found)
    trusts = yield from _trusts(cloud, declared, principal)
    flow = authorization.assignments_below(cloud, subscription, principal.object_id)
    held = yield from attempt(flow)
    roles = yield from attempt(graph.app_roles(cloud, principal.object_id))
    owned = yield from attempt(graph.owned_objects(cloud, principal.object_id))
    return Seen(found, is_enabled, trusts, held, roles, owned)


def _managed(declared: DeclaredPrincipal, identities: Read) -> Read:
    """One of the subscription's; known by its ids alone where the list was refused."""
    if not identities.is_known:
        own = Principal(declared.object_id, declared.client_id, declared.resource_id)
        return Read(own) if declared.object_id else identities
    known: list[ManagedIdentity] = identities.value
    for each in known:
        if each.resource_id.lower() == declared.resource_id.lower():
            return Read(Principal(each.object_id, each.client_id, each.resource_id))
    return Read(None)


def _application(cloud: Cloud, declared: DeclaredPrincipal) -> Flow[tuple[Read, bool]]:
    """Found by the most exact of what is declared. Two of one name are a problem, not a choice."""
    if declared.object_id:
        looked = yield from attempt(_single(graph.service_principal_by_object(cloud, declared.object_id)))
        if not looked.is_known:
            return Read(Principal(declared.object_id)), True
    elif declared.client_id:
        looked = yield from attempt(_single(graph.service_principal(cloud, declared.client_id)))
    else:
        looked = yield from attempt(graph.service_principals_named(cloud, declared.name))
    if not looked.is_known:
        return Read(None, f"Graph does not say who '{declared.name}' is ({looked.problem})"), True
    if len(looked.value) > 1:
        problem = f"{len(looked.value)} service principals are called '{declared.name}': add its client_id"
        return Read(None, problem), True
    if not looked.value:
        return Read(None), True
    (one,) = looked.value
    return Read(Principal(one.object_id, one.app_id)), one.enabled


def _single(flow: Flow[graph.ServicePrincipal | None]) -> Flow[list[graph.ServicePrincipal]]:
    found = yield from flow
    return [] if found is None else [found]


def _trusts(cloud: Cloud, declared: DeclaredPrincipal, principal: Principal) -> Flow[Read]:
    """Asked for where the manifest says something about it, or could: applications always."""
    if declared.kind == "application":
        if not principal.client_id:
            return Read(None, "its client id is not known")
        return (yield from attempt(graph.federated_credentials(cloud, principal.client_id)))
    return (yield from attempt(directory.trusts_of_managed(cloud, principal.resource_id)))


def facts_of(workspace: Workspace, submitter: Principal | None = None) -> Flow[WorkspaceFacts]:
    """What a workspace says: itself, its datastores, its computes. What is refused is told in `unread`."""
    unread: dict[str, str] = {}

    def part(name: str, read: Read) -> Any:
        if not read.is_known:
            unread[name] = f"{name} of the workspace: {read.problem}"
        return read.value

    own = part("workspace", (yield from attempt(_attached(workspace))))
    stores = part("datastores", (yield from attempt(_listed(workspace, "/datastores", _datastore))))
    computes = part("computes", (yield from attempt(_listed(workspace, "/computes", compute_record))))
    return WorkspaceFacts(
        scope=workspace.path,
        attached=own,
        datastores=None if stores is None else {store.name: store for store in stores},
        computes=None if computes is None else {each.name: each for each in computes},
        submitter=submitter,
        unread=unread,
    )


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


def compute_record(item: Mapping[str, Any]) -> Compute:
    """A compute target as ARM shows it."""
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
