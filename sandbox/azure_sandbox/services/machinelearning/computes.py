# SPDX-License-Identifier: Apache-2.0
"""Compute targets as ARM writes and shows them, with the managed identities that they have.

Source: ``Compute - Create Or Update`` of the Azure Machine Learning REST reference; which kind may have
which identities: "Set up authentication between Azure Machine Learning and other services".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.ports import ManagedIdentity
from azure_sandbox.services.machinelearning.records import ACTION, Compute, Json, Workspace, user_error

CLUSTER, KUBERNETES = "AmlCompute", "Kubernetes"
_KINDS = (CLUSTER, "ComputeInstance", KUBERNETES, "SynapseSpark", "AKS", "VirtualMachine")
#: What is attached rather than made.
_ATTACHED = frozenset({KUBERNETES, "SynapseSpark", "AKS", "VirtualMachine"})
_SETTINGS: Json = {
    "vmSize": "STANDARD_DS3_V2",
    "vmPriority": "Dedicated",
    "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT120S"},
}


@dataclass(frozen=True)
class Assigned:
    """An ``identity`` member: whether it asks for a system identity, and which user-assigned ones."""

    system: bool
    identities: tuple[str, ...]


def assigned(document: Json, default: Assigned) -> Assigned:
    """The identities of a resource after a request; the list that is sent replaces the one that was.

    :raises AzureError: 400 where type and list contradict each other
    """
    given = document.get("identity")
    if given is None:
        return default
    if not isinstance(given, dict):
        raise user_error("The field identity is no object.")
    kinds = {part.strip().lower() for part in str(given.get("type") or "None").split(",")}
    if not kinds <= {"none", "systemassigned", "userassigned"}:
        raise user_error(f"The identity type '{given.get('type')}' is not supported.")
    listed = given.get("userAssignedIdentities") or {}
    names = tuple(str(name) for name, value in listed.items() if value is not None)
    if ("userassigned" in kinds) != bool(names):
        raise user_error(
            f"The identity type '{given.get('type')}' and the list userAssignedIdentities do not agree.",
            inner=("BadArgument", "InvalidIdentity"),
        )
    return Assigned("systemassigned" in kinds, names)


def shown_identity(
    cloud: Cloud, asked: Assigned, system: ManagedIdentity | None, attached: list[ManagedIdentity]
) -> Json | None:
    """An ``identity`` member as ARM shows it."""
    kinds = [*(["SystemAssigned"] if asked.system else []), *(["UserAssigned"] if attached else [])]
    if not kinds:
        return None
    shown: Json = {"type": ",".join(kinds)}
    if system is not None:
        shown |= {"principalId": system.principal_id, "tenantId": cloud.tenant_id}
    if attached:
        shown["userAssignedIdentities"] = {
            item.resource_id: {"principalId": item.principal_id, "clientId": item.client_id}
            for item in attached
        }
    return shown


def from_arm(name: str, document: Json, before: Compute | None) -> Compute:
    """A compute target as a PUT describes it, or a PATCH of one that exists.

    :raises AzureError: 400 naming the member
    """
    given = document.get("properties") or {}
    kind = str(given.get("computeType") or (before.type if before else ""))
    if kind not in _KINDS:
        raise user_error(f"The computeType '{kind}' is not one of {', '.join(_KINDS)}.")
    kept = Assigned(before.system, before.identities) if before else Assigned(False, ())
    asked = assigned(document, kept)
    if kind == CLUSTER and asked.system and asked.identities:
        raise user_error(
            "A compute cluster has one system-assigned identity or several user-assigned identities, not both.",
            inner=("BadArgument", "InvalidIdentity"),
        )
    settings = {**(before.settings if before else {}), **(given.get("properties") or {})}
    if before is not None:
        before = replace(before, type=kind)
        return replace(before, identities=asked.identities, system=asked.system, settings=settings)
    return Compute(name, kind, asked.identities, asked.system, settings)


def rendered(cloud: Cloud, workspace: Workspace, compute: Compute, found: list[ManagedIdentity]) -> Json:
    """:param found: the compute's identities, the system-assigned one first"""
    system = found[0] if compute.system and found else None
    asked = Assigned(compute.system, compute.identities)
    return {
        "id": f"{workspace.scope}/computes/{compute.name}",
        "name": compute.name,
        "type": f"{ACTION}/computes",
        "location": cloud.location,
        "identity": shown_identity(cloud, asked, system, found[1:] if system else found),
        "properties": {
            "computeType": compute.type,
            "computeLocation": cloud.location,
            "provisioningState": "Succeeded",
            "isAttachedCompute": compute.type in _ATTACHED,
            "properties": {**_SETTINGS, **compute.settings},
        },
    }
