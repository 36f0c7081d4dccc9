# SPDX-License-Identifier: Apache-2.0
"""Managed identities that are not where a job needs them: the request that attaches them.

A list of identities that is sent replaces the one that was, so each command names all of them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airflow_provider_azureml.access.facts import Compute
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing
from airflow_provider_azureml.rest import resource


def to_workspace(case: Case, named: str, resource_id: str) -> Finding:
    """The job names an identity that is not the workspace's."""
    workspace = case.examination.hook.workspace
    message = f"identity {named} is not attached to workspace {workspace.name}"
    read = case.examination.see(resource.get(case.settings.cloud, workspace.path))
    if read.value is None or not resource_id:
        return missing("run identity", 6, message, "Attach it to the workspace, all others included.")
    identity = read.value.get("identity") or {}
    ids = [*(identity.get("userAssignedIdentities") or {}), resource_id]
    has_own = "SystemAssigned" in str(identity.get("type"))
    return missing("run identity", 6, message, _rest("patch", workspace.url(), _identity(ids, has_own)))


def to_compute(case: Case, name: str, resource_id: str) -> Finding:
    """The compute has no identity, or not the one that the job names.

    :param resource_id: of the identity to attach; empty when none suggests itself.
    """
    message = f"compute {name} has no identity of use to this job"
    if not resource_id:
        return missing(
            "run identity", 6, message, f"az ml compute update --name {name} --user-assigned-identities <id>"
        )
    shown = _shown(case, name)
    if shown is None:
        return missing("run identity", 6, message, f"Attach it to compute {name}, all others included.")
    identity = shown.get("identity") or {}
    ids = [resource_id, *(identity.get("userAssignedIdentities") or {})]
    mend = _put(case, name, shown, ids)
    if len(ids) == 1 and "SystemAssigned" in str(identity.get("type")):
        mend = (
            f"Compute {name} has an identity of its own (object id {identity.get('principalId')}), which Azure ML "
            f"replaces by those that are attached. Let the job run as it, or, if nothing else does: {mend}"
        )
    return missing("run identity", 6, f"{message}; {resource_id.rpartition('/')[2]} is", mend)


def alone(case: Case, compute: Compute) -> Finding:
    """Code on a compute of several identities has to name one; with one there is nothing to name."""
    names = ", ".join(each.resource_id.rpartition("/")[2] for each in compute.identities)
    message = (
        f"compute {compute.name} has several identities ({names}), and the job's code names none: set "
        "AZURE_CLIENT_ID in its environment_variables, or keep one"
    )
    shown = _shown(case, compute.name)
    if shown is None:
        return missing(
            "run identity", 6, message, f"Set AZURE_CLIENT_ID, or keep one of compute {compute.name}."
        )
    ids = [compute.identities[0].resource_id]
    return missing("run identity", 6, message, _put(case, compute.name, shown, ids))


def _shown(case: Case, name: str) -> Mapping[str, Any] | None:
    """The compute as ARM shows it; None where it cannot be read."""
    path = f"{case.examination.hook.workspace.path}/computes/{quote(name)}"
    found: Mapping[str, Any] | None = case.examination.see(resource.get(case.settings.cloud, path)).value
    return found


def _put(case: Case, name: str, shown: Mapping[str, Any], ids: Sequence[str]) -> str:
    """The compute as it is, with these identities.

    A cluster has an identity of its own or attached ones, not both ("Set up authentication between Azure Machine
    Learning and other services"); where ARM shows both, both are kept.
    """
    told = shown.get("properties") or {}
    identity = shown.get("identity") or {}
    has_both = bool(identity.get("userAssignedIdentities")) and "SystemAssigned" in str(identity.get("type"))
    body = {
        **{part: shown[part] for part in ("location", "tags", "sku") if shown.get(part)},
        "properties": {
            part: told[part] for part in ("computeType", "properties", "resourceId") if told.get(part)
        },
        **_identity(ids, has_both),
    }
    return _rest("put", case.examination.hook.workspace.url(f"/computes/{quote(name)}"), body)


def _identity(ids: Iterable[str], has_own: bool) -> dict[str, Any]:
    kind = "SystemAssigned,UserAssigned" if has_own else "UserAssigned"
    return {"identity": {"type": kind, "userAssignedIdentities": {each: {} for each in ids}}}


def _rest(method: str, url: str, body: dict[str, Any]) -> str:
    return f"az rest --method {method} --url {shlex.quote(url)} --body {shlex.quote(json.dumps(body))}"
