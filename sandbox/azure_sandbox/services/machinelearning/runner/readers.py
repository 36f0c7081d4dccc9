# SPDX-License-Identifier: Apache-2.0
"""Who a job is: to the lake, which it reads before its code runs, and to its own code."""

from __future__ import annotations

from dataclasses import dataclass

from azure_sandbox.kernel.ports import ManagedIdentity
from azure_sandbox.services.machinelearning.identities import asked_identity
from azure_sandbox.services.machinelearning.records import Run, Workspace
from azure_sandbox.services.machinelearning.workspaces import Workspaces

_AML_IDENTITY = "The job has no identity that storage accepts (identity type AMLToken)."
#: What a machine's metadata service says when it has no identity to speak for.
_NO_IDENTITY = "Identity not found"


@dataclass(frozen=True)
class Reader:
    """Who a job is.

    :param principal: object id whose token is sent to the lake; empty where the job has no data identity
    :param without: why it has none
    :param workspace_identity: object id of who acts for the workspace; empty where nobody does
    :param machine: the managed identities of its compute target: its code may ask for any of them
    :param named: client id of the one that the job's definition names; empty where it names none
    :param compute_type: of its compute target; empty for serverless jobs
    :param puller: object id of who pulls its image; empty where nobody can
    """

    principal: str
    without: str = ""
    workspace_identity: str = ""
    machine: tuple[ManagedIdentity, ...] = ()
    named: str = ""
    compute_type: str = ""
    puller: str = ""


def reader_of(workspaces: Workspaces, workspace: Workspace, run: Run) -> Reader:
    asked = asked_identity(run.body)
    own = workspaces.own_identity(workspace)
    compute = workspace.compute(str(run.body.get("computeId") or "").rstrip("/").rpartition("/")[2])
    target = tuple(workspaces.compute_identities(workspace, compute)) if compute else ()
    machine = target if asked["kind"] in ("", "managed") else ()
    named = next((item.client_id for item in machine if asked["id"] and asked["id"] in _names(item)), "")
    return Reader(
        principal=run.run_identity,
        without=_AML_IDENTITY if asked["kind"] == "none" else _NO_IDENTITY,
        workspace_identity=own.principal_id if own else "",
        machine=machine,
        named=named,
        compute_type=compute.type if compute else "",
        puller=_puller(run, target if compute else None, own),
    )


def _puller(run: Run, target: tuple[ManagedIdentity, ...] | None, workspace: ManagedIdentity | None) -> str:
    """The compute target's first identity; of a serverless job its own, else the workspace's."""
    if target is not None:
        return target[0].principal_id if target else ""
    return run.run_identity or (workspace.principal_id if workspace else "")


def _names(identity: ManagedIdentity) -> tuple[str, str, str]:
    return identity.client_id, identity.principal_id, identity.resource_id
