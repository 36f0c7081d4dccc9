# SPDX-License-Identifier: Apache-2.0
"""Which principal a job runs as, decided when it is submitted (facts: identity.md 3.1)."""

from __future__ import annotations

from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.operation import Caller
from azure_sandbox.kernel.ports import ManagedIdentity
from azure_sandbox.services.machinelearning.records import ACTION, Compute, Json, Workspace, user_error
from azure_sandbox.services.machinelearning.workspaces import Workspaces

ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"

_KINDS = {
    "managed": "managed",
    "managedidentity": "managed",
    "useridentity": "user",
    "amltoken": "none",
}


class RunIdentities:
    """Resolves a job's ``identity`` to the object id of a principal."""

    def __init__(self, cloud: Cloud, workspaces: Workspaces) -> None:
        self._cloud = cloud
        self._workspaces = workspaces

    def resolve(self, workspace: Workspace, body: Json, caller: Caller) -> str:
        """Object id that the job runs as; empty for AMLToken, which has no data identity.

        :raises AzureError: 400 where the identity is not attached, 403 LinkedAuthorizationFailed
            where the submitter may not assign it
        """
        asked = asked_identity(body)
        compute = self._compute(workspace, body)
        if asked["kind"] == "none":
            return ""
        if asked["kind"] == "user" or (asked["kind"] == "" and compute is None):
            return caller.object_id
        if compute is not None:
            return self._of_compute(workspace, compute, asked["id"])
        attached = self._workspaces.attached_identities(workspace)
        if asked["id"]:
            identity = _named(attached, asked["id"], f"workspace {workspace.name}")
            check_assignable(self._cloud, caller, f"{ACTION}/jobs/write", workspace.scope, identity)
            return identity.principal_id
        return _only(attached, f"Workspace {workspace.name}").principal_id

    def _of_compute(self, workspace: Workspace, compute: Compute, wanted: str) -> str:
        """What mounts on a compute target: always its first identity, also where the job names another of
        them, which only the job's own code can then use. Empty where it has none."""
        found = self._workspaces.compute_identities(workspace, compute)
        if wanted:
            _named(found, wanted, f"compute {compute.name}")
        return found[0].principal_id if found else ""

    def _compute(self, workspace: Workspace, body: Json) -> Compute | None:
        reference = body.get("computeId")
        if not reference:
            return None
        name = str(reference).rstrip("/").rpartition("/")[2]
        compute = workspace.compute(name)
        if compute is None:
            raise user_error(
                f"Compute with name {name} not found in workspace {workspace.name}.",
                inner=("NotFound", "ComputeNotFound"),
            )
        return compute


def _named(candidates: list[ManagedIdentity], wanted: str, where: str) -> ManagedIdentity:
    for identity in candidates:
        if wanted.lower() in (
            identity.client_id.lower(),
            identity.principal_id.lower(),
            identity.resource_id.lower(),
        ):
            return identity
    raise user_error(
        f"The managed identity '{wanted}' is not assigned to {where}. Assign it, then submit the job again.",
        inner=("BadArgument", "IdentityNotAssigned"),
    )


def _only(found: list[ManagedIdentity], where: str) -> ManagedIdentity:
    if len(found) == 1:
        return found[0]
    raise user_error(
        f"{where} has {len(found)} managed identities; name one by client id in the job's identity.",
        inner=("BadArgument", "IdentityAmbiguous"),
    )


def check_assignable(
    cloud: Cloud, caller: Caller, action: str, scope: str, identity: ManagedIdentity
) -> None:
    """:raises AzureError: 403 LinkedAuthorizationFailed where the caller may not assign the identity

    :param action, scope: what the caller does with it, and may do
    """
    if cloud.rbac.allowed(caller.object_id, ASSIGN, identity.resource_id):
        return
    raise AzureError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform "
        f"action '{action}' on scope '{scope}'; however, it does not have "
        f"permission to perform action(s) '{ASSIGN}' on the linked scope(s) '{identity.resource_id}' "
        "(respectively) or the linked scope(s) are invalid.",
    )


def asked_identity(body: Json) -> dict[str, str]:
    """Kind and id of the ``identity`` object; REST and pipeline steps spell its fields differently."""
    identity = body.get("identity") or {}
    spelled = identity.get("identityType") or identity.get("identity_type") or identity.get("type") or ""
    kind = _KINDS.get(str(spelled).replace("_", "").lower(), "") if spelled else ""
    if spelled and not kind:
        raise user_error(f"The identity type '{spelled}' is not one of Managed, UserIdentity, AMLToken.")
    fields = (
        "clientId",
        "client_id",
        "resourceId",
        "resource_id",
        "msi_resource_id",
        "objectId",
        "object_id",
    )
    named = next((str(identity[field]) for field in fields if identity.get(field)), "")
    return {"kind": kind, "id": named}
