# SPDX-License-Identifier: Apache-2.0
"""The Azure of tests/unit/access/manifests.py as it was surveyed: all as declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_provider_azureml.access.check import Asked, Check
from airflow_provider_azureml.access.declared import DeclaredPrincipal, Manifest
from airflow_provider_azureml.access.facts import Principal, WorkspaceFacts
from airflow_provider_azureml.access.manifest import load
from airflow_provider_azureml.access.row import Row
from airflow_provider_azureml.access.survey import Read, Seen, Survey
from airflow_provider_azureml.rest.authorization import Assignment, RoleDefinition
from airflow_provider_azureml.rest.directory import ManagedIdentity, StorageAccount
from airflow_provider_azureml.rest.graph import AppRole, FederatedCredential, Owned, Permissions
from tests.unit.access.manifests import SOUND

MANIFEST = load(SOUND, "access.yaml")
LAKE = MANIFEST.places.resource("account", "nightlylake")


def guid(role: str) -> str:
    return MANIFEST.roles[role].guid or f"custom-{role.lower()}"


def assigned(principal: DeclaredPrincipal) -> list[Assignment]:
    return [
        Assignment(f"/ra/{number}", principal.name, f"/x/{guid(grant.role)}", grant.scope, grant.condition)
        for number, grant in enumerate(principal.grants)
    ]


PERMISSIONS = ("Application.Read.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All")


def given(permission: str) -> AppRole:
    """A permission of Graph, whose id is its name in lower case."""
    return AppRole(f"given-{permission}", permission.lower(), "oid-graph", "Microsoft Graph")


def owned(name: str, client_id: str = "") -> Owned:
    """An application, whose client id follows from its name where none is given."""
    return Owned("application", f"oid-{name}", client_id or f"client-{name}", name)


def survey(manifest: Manifest = MANIFEST) -> Survey:
    """Azure, where a principal's object id is its name."""
    entra = f"{manifest.cloud.authority}/{manifest.tenant_id}/v2.0"
    seen = {
        each.key: Seen(
            Read(Principal(each.name, f"client-{each.name}", each.resource_id)),
            trusts=Read(
                [
                    FederatedCredential(
                        fic.name,
                        fic.issuer or entra,
                        "oid-worker" if fic.identity else fic.subject,
                        (fic.audience,),
                    )
                    for fic in each.federated
                ]
            ),
            held=Read(assigned(each)),
            roles=Read([given(name) for name in each.graph]),
            owned=Read([owned(name) for name in each.owns]),
        )
        for each in manifest.principals()
    }
    roles = {
        guid(name): RoleDefinition(f"/roles/{name}", guid(name), name, role.permissions)
        for name, role in manifest.roles.items()
    }
    worker = ManagedIdentity("/worker", "airflow-worker", "client-worker", "oid-worker")
    account = StorageAccount(LAKE, "nightlylake", has_shared_key=False)
    facts = WorkspaceFacts(manifest.places.arm_id("workspace:nightly"))
    graph = Permissions("oid-graph", {name.lower(): name for name in PERMISSIONS})
    accounts, spaces = {LAKE.lower(): Read(account)}, {"nightly": facts}
    return Survey(seen, roles, Read([]), Read([]), accounts, Read([worker]), spaces, Read(graph))


def seen_otherwise(part: str, **changes: Any) -> Survey:
    """The survey with another look at one principal."""
    key = MANIFEST.identities[0].principals[part].key
    found = survey()
    return replace(found, seen={**found.seen, key: replace(found.seen[key], **changes)})


def rows(
    found: Survey | None = None, asked: list[Asked] | None = None, manifest: Manifest = MANIFEST
) -> list[Row]:
    return Check(manifest, found or survey(manifest), asked={"train": asked or []}).rows()


def findings(*args: Any, **kwargs: Any) -> list[tuple[str, str, str]]:
    """Part, what, state of each finding."""
    return [(row.part, row.what, row.state_text) for row in rows(*args, **kwargs) if row.is_finding]
