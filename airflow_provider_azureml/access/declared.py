# SPDX-License-Identifier: Apache-2.0
"""What a manifest declares, checked: identities, whom Entra believes for them, and what they are granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_azureml.access.roles import Role
from airflow_provider_azureml.access.scope import Places
from airflow_provider_azureml.connection import Cloud

PARTS = ("submitter", "run", "reader")
"""Who works for an identity: the connection's principal, the job's, and who reads the connection's secret."""


@dataclass(frozen=True)
class DeclaredGrant:
    """One role assignment that the manifest asks for.

    :param scope: ARM id.
    :param access: `read`, `write` or `rotate` for what was declared as data or a secret, else empty.
    :param prefix: the path below which the data is used, for people and for conditions.
    """

    role: str
    scope: str
    condition: str = ""
    access: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Federated:
    """One federated credential.

    :param issuer: URL; empty for Entra itself, whose URL holds the tenant.
    :param identity: name of the managed identity whose object id is the subject, where it is one of the
        manifest's or the resource group's.
    """

    name: str
    issuer: str
    subject: str
    audience: str
    identity: str = ""


@dataclass(frozen=True)
class DeclaredPrincipal:
    """Somebody that the manifest names; two parts that name the same are one."""

    kind: Literal["application", "managed_identity"]
    name: str
    resource_id: str = ""
    is_existing: bool = False
    client_id: str = ""
    object_id: str = ""
    federated: tuple[Federated, ...] = ()
    grants: tuple[DeclaredGrant, ...] = ()
    graph: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it apart in this manifest."""
        return self.kind, (self.resource_id or self.name).lower()


@dataclass(frozen=True)
class Identity:
    """Tasks and jobs, and who does their work."""

    name: str
    namespace: str = ""
    tasks: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    ungranted: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    airflow: Mapping[str, str] = field(default_factory=dict)
    principals: Mapping[str, DeclaredPrincipal] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The whole file."""

    name: str
    places: Places
    cloud: Cloud
    tenant_id: str
    location: str
    roles: Mapping[str, Role]
    namespaces: Mapping[str, tuple[str, ...]]
    identities: tuple[Identity, ...]

    def principals(self) -> list[DeclaredPrincipal]:
        """Everybody, each once, with the grants of all parts that name it."""
        merged: dict[tuple[str, str], DeclaredPrincipal] = {}
        for identity in self.identities:
            for each in identity.principals.values():
                merged[each.key] = _merged(merged.get(each.key), each)
        return list(merged.values())

    def custom_roles(self) -> list[Role]:
        """Those that must be made before anything is assigned: used here, and not built in."""
        used = {grant.role for principal in self.principals() for grant in principal.grants}
        return [role for name, role in self.roles.items() if name in used and not role.is_built_in]


def _merged(one: DeclaredPrincipal | None, other: DeclaredPrincipal) -> DeclaredPrincipal:
    if one is None:
        return other
    return DeclaredPrincipal(
        one.kind,
        one.name,
        one.resource_id,
        one.is_existing or other.is_existing,
        one.client_id or other.client_id,
        one.object_id or other.object_id,
        tuple(dict.fromkeys((*one.federated, *other.federated))),
        tuple(dict.fromkeys((*one.grants, *other.grants))),
        tuple(dict.fromkeys((*one.graph, *other.graph))),
        tuple(dict.fromkeys((*one.owns, *other.owns))),
    )
