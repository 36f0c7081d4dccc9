# SPDX-License-Identifier: Apache-2.0
"""From a DAG folder and what Azure says about the ids in it, to a manifest's content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_azureml.access.facts import WorkspaceFacts
from airflow_provider_azureml.access.infer import Inferred, Seen, Signing, manifest_of
from airflow_provider_azureml.access.scope import group_of, subscription_of
from airflow_provider_azureml.access.survey import Read, attempt, facts_of
from airflow_provider_azureml.connection import CLOUDS, Cloud
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.dag_folder import DagFolder, Task
from airflow_provider_azureml.hooks.task_needs import TaskNeeds, needs_of_task
from airflow_provider_azureml.rest import directory, graph
from airflow_provider_azureml.rest import workspace as workspace_flows
from airflow_provider_azureml.rest.directory import ManagedIdentity, Vault
from airflow_provider_azureml.rest.workspace import Workspace

_ISSUERS = {
    "oic.prod-aks.azure.com": "cluster",
    "oidc.eks.": "cluster",
    "okta.com": "okta",
    "sts.global.api.aws": "aws",
    "cognito-identity.amazonaws.com": "cognito",
    "accounts.google.com": "google",
}


@dataclass
class Inference:
    """One run of it: each thing is asked for once.

    :param hook: reads as somebody who may see workspaces, identities and applications.
    """

    folder: DagFolder
    hook: AzureMLHook
    _facts: dict[str, WorkspaceFacts] = field(default_factory=dict)
    _applications: dict[str, Read] = field(default_factory=dict)
    issuers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = next((each for each in self.folder.connections.values() if each.get("subscription_id")), {})
        self.subscription_id = str(first.get("subscription_id") or self.hook.settings.subscription_id)
        self.tenant_id = str(first.get("tenant_id") or self.hook.settings.tenant_id)
        self.cloud: Cloud = CLOUDS.get(str(first.get("cloud")), self.hook.settings.cloud)
        scope = f"/subscriptions/{self.subscription_id}"
        vaults = self.hook.run(attempt(directory.vaults(self.cloud, scope))).value or []
        self.vaults: list[Vault] = vaults
        identities = self.hook.run(attempt(directory.managed_identities(self.cloud, scope))).value or []
        self.identities: list[ManagedIdentity] = identities

    def needs(self) -> list[TaskNeeds]:
        """What each task needs, of those that have anything to do with Azure."""
        names = {vault.name.lower(): vault.resource_id for vault in self.vaults}
        found = []
        for task in self.folder.tasks:
            known = self.folder.connections.get(_conn_id(task), {})
            needs = needs_of_task(task, self.facts(known), names, str(known.get("vault_url") or ""))
            found += [needs] if needs else []
        return found

    def facts(self, connection: Mapping[str, Any]) -> WorkspaceFacts | None:
        """Of a connection's workspace, read once; None where it names none."""
        names = [
            str(connection.get(each) or "")
            for each in ("subscription_id", "resource_group", "workspace_name")
        ]
        if not all(names):
            return None
        workspace = Workspace(self.cloud, *names)
        if workspace.path not in self._facts:
            vaults = {vault.name.lower(): vault.resource_id for vault in self.vaults}
            self._facts[workspace.path] = replace(self.hook.run(facts_of(workspace)), vaults=vaults)
        return self._facts[workspace.path]

    def manifest(self, target: Path, namespace: str = "") -> dict[str, Any]:
        """The content of a first manifest.

        :param target: where it will lie; paths of job definitions are relative to it.
        """
        needs = self.needs()
        signings = {
            conn_id: self._signing(self.folder.connections.get(conn_id, {}), conn_id)
            for conn_id in {_conn_id(each.task) for each in needs}
        }
        tasks = [self._seen(each, target.resolve().parent) for each in needs]
        head = self._head()
        head["issuers"] = dict(self.issuers)
        return manifest_of(Inferred(tasks, signings, head, namespace))

    def _seen(self, needs: TaskNeeds, base: Path) -> Seen:
        task = needs.task
        job = os.path.relpath(needs.job.resolve(), base) if needs.job else ""
        run = self._managed(needs.run)
        notes = list(needs.notes)
        if needs.run and not run:
            notes.append(f"its run identity {needs.run} is no managed identity of the subscription")
        owned = str(task.fields.get("application_id") or "")
        owns = [self._application(owned).get("application", "")] if owned else []
        return Seen(
            task.name,
            _conn_id(task),
            run,
            job,
            needs.wanted,
            notes,
            needs.is_ungranted,
            task.queue,
            task.service_account,
            [name for name in owns if name],
        )

    def _identity(self, word: str) -> ManagedIdentity | None:
        """The managed identity of a client id, an object id or an ARM id; None where nobody has it."""
        for each in self.identities:
            ids = (each.client_id, each.object_id, each.resource_id)
            if word and word.lower() in (known.lower() for known in ids):
                return each
        return None

    def _managed(self, word: str) -> dict[str, str]:
        """The managed identity of an id as the manifest has it; empty where nobody has it."""
        found = self._identity(word)
        if found is None:
            return {}
        group = {} if self._is_near(found) else {"resource_group": group_of(found.resource_id)}
        return {"managed_identity": found.name, **group}

    def _is_near(self, identity: ManagedIdentity) -> bool:
        """Whether it lies in the manifest's own resource group, where its name tells it."""
        return group_of(identity.resource_id).lower() in ("", self._group().lower())

    def _signing(self, connection: Mapping[str, Any], conn_id: str) -> Signing:
        client_id = str(connection.get("client_id") or "")
        if not client_id or client_id == "system":
            why = connection.get("problem") or "the connection is not known here, or signs in as its host"
            return Signing({"application": conn_id or "unknown"}, notes=[f"connection '{conn_id}': {why}"])
        reader: dict[str, Any] = self._managed(str(connection.get("credential_reader_client_id") or ""))
        vault = urlsplit(str(connection.get("credential_vault_url") or "")).netloc.partition(".")[0]
        if reader:
            secret = f"{vault}/{connection.get('credential_name')}" if vault else ""
            reader["secrets"] = [{"secret": secret, "access": "read"}]
        managed = self._managed(client_id)
        if managed:
            return Signing(managed)
        principal = self._application(client_id)
        notes = (
            []
            if "client_id" not in principal
            else [f"connection '{conn_id}': Graph does not name {client_id}"]
        )
        return Signing(principal, list(self._federated(connection, client_id)), reader, notes)

    def _application(self, client_id: str) -> dict[str, Any]:
        """By its name; by its client id, as somebody else's, where Graph does not tell it."""
        if client_id not in self._applications:
            flow = attempt(graph.service_principal(self.cloud, client_id))
            self._applications[client_id] = self.hook.run(flow)
        found = self._applications[client_id].value
        if found is None:
            return {"application": client_id, "existing": True, "client_id": client_id}
        return {"application": found.name}

    def _federated(self, connection: Mapping[str, Any], client_id: str) -> Iterator[dict[str, str]]:
        """Whom the application trusts by Graph's word; else what the connection itself would show."""
        read = self.hook.run(attempt(graph.federated_credentials(self.cloud, client_id)))
        for each in read.value or ():
            audience = each.audiences[0] if each.audiences else ""
            yield self._trust(each.name, each.issuer, each.subject, audience)
        if read.is_known:
            return
        claims = connection.get("claims") or {}
        vouching = self._identity(str(connection.get("source_client_id") or ""))
        if claims:
            yield self._trust("airflow", claims["issuer"], claims["subject"], claims["audience"])
        elif vouching:
            yield {"name": "airflow", "issuer": "entra", "subject": self._subject(vouching)}

    def _trust(self, name: str, issuer: str, subject: str, audience: str) -> dict[str, str]:
        word = self._issuer(issuer)
        vouching = self._identity(subject) if word == "entra" else None
        entry = {"name": name, "issuer": word, "subject": self._subject(vouching) if vouching else subject}
        return entry if audience == self.cloud.assertion_audience else {**entry, "audience": audience}

    def _subject(self, vouching: ManagedIdentity) -> str:
        """By its name where that means nobody else, by its object id otherwise."""
        return f"identity:{vouching.name}" if self._is_near(vouching) else vouching.object_id

    def _issuer(self, url: str) -> str:
        """The manifest's name for an issuer's URL."""
        if url.startswith(f"{self.cloud.authority}/"):
            return "entra"
        known = next((name for name, other in self.issuers.items() if other == url), "")
        if known:
            return known
        host = urlsplit(url).netloc
        base = next((name for part, name in _ISSUERS.items() if part in host), "issuer")
        number = sum(name.rstrip("0123456789-") == base for name in self.issuers)
        name = f"{base}-{number + 1}" if number else base
        self.issuers[name] = url
        return name

    def _head(self) -> dict[str, Any]:
        spaces, group = self._spaces(), self._group()
        location = ""
        if spaces:
            workspace = Workspace(self.cloud, self.subscription_id, group, spaces[0][8])
            found = self.hook.run(attempt(workspace_flows.get(workspace))).value
            location = found.location if found else ""
        accounts = {store.scope.split("/")[8]: store.scope.split("/")[4] for store in self._stores()}
        vaults = {vault.name: vault.resource_id.split("/")[4] for vault in self.vaults}
        return {
            "version": 1,
            "subscription_id": self.subscription_id,
            "tenant_id": self.tenant_id,
            "cloud": "" if self.cloud.name == "public" else self.cloud.name,
            "resource_group": group,
            "location": location,
            "workspaces": _where({parts[8]: parts[4] for parts in spaces}, group),
            "accounts": _where(accounts, group),
            "vaults": _where(vaults, group),
        }

    def _group(self) -> str:
        """The manifest's resource group."""
        spaces = self._spaces()
        return spaces[0][4] if spaces else self.hook.settings.resource_group or "RESOURCE-GROUP"

    def _spaces(self) -> list[list[str]]:
        """ARM ids of the workspaces in the manifest's subscription, in parts."""
        return [scope.split("/") for scope in self._facts if self._is_own(scope)]

    def _stores(self) -> list[Any]:
        return [
            store
            for facts in self._facts.values()
            for store in (facts.datastores or {}).values()
            if self._is_own(store.scope)
        ]

    def _is_own(self, scope: str) -> bool:
        return subscription_of(scope) == self.subscription_id.lower()


def _where(named: Mapping[str, str], group: str) -> dict[str, dict[str, str]]:
    return {
        name: {} if other.lower() == group.lower() else {"resource_group": other}
        for name, other in sorted(named.items())
    }


def _conn_id(task: Task) -> str:
    """The connection of an operator of ours, or the one that a task's code names."""
    return task.conn_id or next(iter(task.connections), "")
