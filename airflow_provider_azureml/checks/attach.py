# SPDX-License-Identifier: Apache-2.0
"""Managed identities that are not where a job needs them: the request that attaches them.

A list of identities that is sent replaces the one that was, so each command names all of them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
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
    had = (case.facts.computes or {}).get(name)
    ids = [resource_id, *(each.resource_id for each in (had.identities if had else ()) if each.resource_id)]
    return missing(
        "run identity", 6, f"{message}; {resource_id.rpartition('/')[2]} is", _put(case, name, ids)
    )


def alone(case: Case, compute: Compute) -> Finding:
    """Code on a compute of several identities has to name one; with one there is nothing to name."""
    names = ", ".join(each.resource_id.rpartition("/")[2] for each in compute.identities)
    message = (
        f"compute {compute.name} has several identities ({names}), and the job's code names none: set "
        "AZURE_CLIENT_ID in its environment_variables, or keep one"
    )
    return missing("run identity", 6, message, _put(case, compute.name, [compute.identities[0].resource_id]))


def _put(case: Case, name: str, ids: Iterable[str]) -> str:
    """The compute as it is, with these identities."""
    workspace = case.examination.hook.workspace
    path = f"/computes/{quote(name)}"
    read = case.examination.see(resource.get(case.settings.cloud, workspace.path + path))
    was = read.value or {}
    told = was.get("properties") or {}
    properties = {part: told[part] for part in ("computeType", "properties", "resourceId") if told.get(part)}
    body = {"location": was.get("location"), "properties": properties, **_identity(ids, False)}
    return _rest("put", workspace.url(path), body)


def _identity(ids: Iterable[str], has_own: bool) -> dict[str, Any]:
    kind = "SystemAssigned,UserAssigned" if has_own else "UserAssigned"
    return {"identity": {"type": kind, "userAssignedIdentities": {each: {} for each in ids}}}


def _rest(method: str, url: str, body: dict[str, Any]) -> str:
    return f"az rest --method {method} --url {shlex.quote(url)} --body {shlex.quote(json.dumps(body))}"
