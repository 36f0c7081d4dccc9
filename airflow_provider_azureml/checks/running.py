# SPDX-License-Identifier: Apache-2.0
"""Plane 6: who a job really runs as, and whether that identity exists and may be assigned."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.facts import Principal
from airflow_provider_azureml.access.roles import ASSIGN
from airflow_provider_azureml.access.run_identity import Runner
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.checks.workspace import grant_command
from airflow_provider_azureml.rest import graph, resource

_NOT_ATTACHED = re.compile(
    r"managed identity '(?P<named>[^']+)' is not assigned to (?P<where>workspace|compute)"
)


def run_identity(case: Case) -> Iterator[Finding]:
    """One finding for each identity that the job, or one of its steps, runs as."""
    if case.job_name and case.job.error:
        yield unknown("run identity", 6, f"job {case.job_name} cannot be read ({case.job.problem})")
    refused = _refused(case)
    if refused:
        yield refused
    elif not case.steps:
        yield unused("run identity", 6, "no job was named")
    seen: set[str] = set()
    for step, runner in case.steps:
        key = runner.principal.object_id if runner.principal else runner.doubt
        if key not in seen:
            seen.add(key)
            yield _known(case, step.name, runner)


def _known(case: Case, step: str, runner: Runner) -> Finding:
    where = f"step {step}: " if step else ""
    who = runner.principal
    if who is None:
        if runner.named and "not attached" in runner.doubt:
            return _detached(case, runner.named)
        return unknown("run identity", 6, where + runner.doubt)
    if case.examination.has_reader:
        read = case.examination.see(graph.service_principal_by_object(case.settings.cloud, who.object_id))
        if not read.error and read.value is None:
            return missing(
                "run identity",
                6,
                f"{where}object id {who.object_id} does not exist any more",
                "az identity list",
            )
        if read.value and not read.value.enabled:
            mend = f"az ad sp update --id {read.value.app_id} --set accountEnabled=true"
            return missing("run identity", 6, f"{where}'{read.value.name}' is disabled", mend)
    remark = f" ({runner.remark})" if runner.remark else ""
    return present("run identity", 6, f"{where}runs and mounts as {described(who)}{remark}")


def described(who: Principal) -> str:
    """A principal for a person."""
    name = f"{who.resource_id.rpartition('/')[2]}, " if who.resource_id else ""
    client = f", client id {who.client_id}" if who.client_id else ""
    return f"{name}object id {who.object_id}{client}"


def _refused(case: Case) -> Finding | None:
    """What the text of a refused submit says about the run identity."""
    refusal = case.refusal
    if refusal is None:
        return None
    if refusal.number == 37:
        match = _NOT_ATTACHED.search(case.error)
        return _detached(case, match["named"]) if match else None
    if refusal.number != 15 or not refusal.told or not refusal.told.get("scope"):
        return None
    scope = refusal.told["scope"]
    decision = case.judge(Need(ASSIGN, scope), case.object_id)
    if decision.verdict == "ALLOWED":
        return present("run identity", 6, f"the submitter may assign {scope} now")
    mend = grant_command(case.object_id, "Managed Identity Operator", scope)
    message = f"the submitter may not assign {scope.rpartition('/')[2]} ({decision.reason})"
    return missing("run identity", 6, message, mend)


def _detached(case: Case, named: str) -> Finding:
    """An identity that the job names is not the workspace's: attach it, with all the others."""
    workspace = case.examination.hook.workspace
    told = case.settings
    wanted = case.examination.see(graph.service_principal(told.cloud, named))
    read = case.examination.see(resource.get(told.cloud, workspace.path))
    message = f"identity {named} is not attached to workspace {workspace.name}"
    if read.value is None or wanted.value is None or not wanted.value.resource_id:
        return missing("run identity", 6, message, "Attach it to the workspace, all others included.")
    identity = read.value.get("identity") or {}
    attached = {**(identity.get("userAssignedIdentities") or {}), wanted.value.resource_id: {}}
    kind = str(identity.get("type") or "")
    kinds = "SystemAssigned,UserAssigned" if "SystemAssigned" in kind else "UserAssigned"
    body = {"identity": {"type": kinds, "userAssignedIdentities": {each: {} for each in attached}}}
    mend = (
        f"az rest --method patch --url {shlex.quote(workspace.url())} --body {shlex.quote(json.dumps(body))}"
    )
    return missing("run identity", 6, message, mend)
