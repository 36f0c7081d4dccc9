# SPDX-License-Identifier: Apache-2.0
"""The seed file: YAML that says what exists when the sandbox starts; see ``sandbox/README.md``.

Scopes may be written short: ``subscription``, ``group:rg``, ``storage:account``,
``container:account/name``, ``vault:name``, ``secret:vault/name``, ``workspace:name``,
``identity:name``; anything that starts with ``/`` is an ARM id already.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.kernel.clouds import CLOUDS, Azure
from azure_sandbox.kernel.network import Network, Origin

Seed = dict[str, Any]

SECTIONS = (
    "cloud",
    "tenant_id",
    "subscription_id",
    "location",
    "network",
    "resource_groups",
    "oidc_issuers",
    "service_accounts",
    "okta",
    "aws",
    "gcp",
    "applications",
    "managed_identities",
    "host_identities",
    "groups",
    "storage_accounts",
    "key_vaults",
    "container_registries",
    "workspaces",
    "role_definitions",
    "role_assignments",
    "deny_assignments",
    "pim_policies",
)


class InvalidSeed(ValueError):
    """The seed file is not usable; str() names the section and the mend."""


def load(path: Path) -> Seed:
    """Read a seed file.

    :raises InvalidSeed: for bad YAML or a section that does not exist
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf8")) or {}
    except (OSError, yaml.YAMLError, UnicodeError) as error:
        raise InvalidSeed(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise InvalidSeed(f"{path}: a mapping of sections is expected")
    unknown = sorted(set(document) - set(SECTIONS))
    if unknown:
        raise InvalidSeed(f"{path}: unknown section {unknown[0]!r}; one of {', '.join(SECTIONS)}")
    return document


def azure(document: Seed) -> Azure:
    """Which of the three clouds the seed asks for.

    :raises InvalidSeed: where there is no such cloud
    """
    name = str(document.get("cloud") or "public")
    if name not in CLOUDS:
        raise InvalidSeed(f"cloud: {name!r} is unknown; one of {', '.join(CLOUDS)}")
    return CLOUDS[name]


def tenant_id(document: Seed) -> str:
    return str(document.get("tenant_id") or stable_guid("tenant"))


def subscription_id(document: Seed) -> str:
    return str(document.get("subscription_id") or stable_guid("subscription"))


def network(document: Seed) -> Network:
    """The addresses of clients and jobs.

    :raises InvalidSeed: for a side that is none, or an address that is none
    """
    section = document.get("network") or {}
    unknown = sorted(set(section) - {"clients", "jobs", "jobs_subnet"})
    if unknown:
        raise InvalidSeed(f"network: unknown field {unknown[0]!r}; one of clients, jobs, jobs_subnet")
    default = Network()
    try:
        clients = str(ip_address(section.get("clients") or default.clients.address))
        jobs = str(ip_address(section.get("jobs") or default.jobs.address))
    except ValueError as error:
        raise InvalidSeed(f"network: {error}") from None
    return Network(Origin(clients), Origin(jobs, str(section.get("jobs_subnet") or "")))


def resolve_scope(cloud: Cloud, document: Seed, scope: str) -> str:
    """The ARM id of a scope written short.

    :raises InvalidSeed: where the scope names something that the seed does not hold
    """
    if scope.startswith("/"):
        return scope
    if scope == "subscription":
        return cloud.subscription_scope()
    kind, _, name = scope.partition(":")
    if kind == "group":
        return cloud.group_scope(name)
    parent, _, child = name.partition("/")
    if kind not in _KINDS:
        raise InvalidSeed(f"role_assignments: unknown scope {scope!r}")
    section, provider_type, below = _KINDS[kind]
    group = _group_of(document, section, parent, scope)
    return cloud.resource_scope(group, provider_type, parent) + (f"{below}{child}" if below else "")


_KINDS = {
    "storage": ("storage_accounts", "Microsoft.Storage/storageAccounts", ""),
    "container": (
        "storage_accounts",
        "Microsoft.Storage/storageAccounts",
        "/blobServices/default/containers/",
    ),
    "vault": ("key_vaults", "Microsoft.KeyVault/vaults", ""),
    "secret": ("key_vaults", "Microsoft.KeyVault/vaults", "/secrets/"),
    "workspace": ("workspaces", "Microsoft.MachineLearningServices/workspaces", ""),
    "registry": ("container_registries", "Microsoft.ContainerRegistry/registries", ""),
    "identity": ("managed_identities", "Microsoft.ManagedIdentity/userAssignedIdentities", ""),
}


def _group_of(document: Seed, section: str, name: str, scope: str) -> str:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            return str(entry["resource_group"])
    raise InvalidSeed(f"role_assignments: scope {scope!r} names nothing in {section}")
