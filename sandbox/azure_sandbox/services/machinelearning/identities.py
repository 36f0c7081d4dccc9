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
        asked = _asked(body)
        compute = self._compute(workspace, body)
        if asked["kind"] == "none":
            return ""
        if asked["kind"] == "user" or (asked["kind"] == "" and compute is None):
            return caller.object_id
        if asked["id"]:
            identity = self._named(workspace, compute, asked["id"])
            self._check_assignable(workspace, identity, caller)
            return identity.principal_id
        return self._default(workspace, compute).principal_id

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

    def _named(self, workspace: Workspace, compute: Compute | None, wanted: str) -> ManagedIdentity:
        candidates = self._workspaces.attached_identities(workspace)
        if compute is not None:
            own = self._workspaces.compute_identity(workspace, compute)
            candidates += [own] if own else []
        for identity in candidates:
            if wanted.lower() in (
                identity.client_id.lower(),
                identity.principal_id.lower(),
                identity.resource_id.lower(),
            ):
                return identity
        raise user_error(
            f"The managed identity '{wanted}' is not assigned to workspace {workspace.name}"
            f"{f' or compute {compute.name}' if compute else ''}. Assign it, then submit the job again.",
            inner=("BadArgument", "IdentityNotAssigned"),
        )

    def _default(self, workspace: Workspace, compute: Compute | None) -> ManagedIdentity:
        if compute is not None:
            identity = self._workspaces.compute_identity(workspace, compute)
            found = [identity] if identity else []
        else:
            found = self._workspaces.attached_identities(workspace)
        if len(found) == 1:
            return found[0]
        where = f"Compute {compute.name}" if compute else f"Workspace {workspace.name}"
        raise user_error(
            f"{where} has {len(found)} managed identities; name one by client id in the job's identity.",
            inner=("BadArgument", "IdentityAmbiguous"),
        )

    def _check_assignable(self, workspace: Workspace, identity: ManagedIdentity, caller: Caller) -> None:
        if self._cloud.rbac.allowed(caller.object_id, ASSIGN, identity.resource_id):
            return
        raise AzureError(
            403,
            "LinkedAuthorizationFailed",
            f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to perform "
            f"action '{ACTION}/jobs/write' on scope '{workspace.scope}'; however, it does not have "
            f"permission to perform action(s) '{ASSIGN}' on the linked scope(s) '{identity.resource_id}' "
            "(respectively) or the linked scope(s) are invalid.",
        )


def _asked(body: Json) -> dict[str, str]:
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
