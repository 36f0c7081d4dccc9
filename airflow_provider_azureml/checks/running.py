# SPDX-License-Identifier: Apache-2.0
"""Plane 6: who a job really runs as, and whether that identity exists and may be assigned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.facts import Compute, Principal
from airflow_provider_azureml.access.needs import needs_of_data
from airflow_provider_azureml.access.place import Place
from airflow_provider_azureml.access.roles import ASSIGN
from airflow_provider_azureml.access.run_identity import Runner
from airflow_provider_azureml.checks import attach, barrier
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.checks.sign_in import enabling
from airflow_provider_azureml.rest import graph


def run_identity(case: Case) -> Iterator[Finding]:
    """One finding for each identity that the job, or one of its steps, runs as."""
    if case.job_name and case.job.error:
        yield unknown("run identity", 6, f"job {case.job_name} cannot be read ({case.job.problem})")
    refused = _refused(case)
    if refused:
        yield refused
    elif not case.steps:
        yield unused("run identity", 6, "no job was named")
    seen: set[object] = set()
    for step, runner in case.steps:
        key = runner.principal.object_id if runner.principal else runner.doubt
        if key not in seen:
            seen.add(key)
            yield _known(case, step.name, step.body, runner)


def _known(case: Case, step: str, body: Mapping[str, Any], runner: Runner) -> Finding:
    where = f"step {step}: " if step else ""
    who, compute = runner.principal, compute_of(case, body)
    if case.refusal and case.refusal.number == 10 and compute and len(compute.identities) > 1:
        return attach.alone(case, compute)
    if who is None and compute and not compute.identities:
        return attach.to_compute(case, compute.name, _able(case))
    if who is None:
        if runner.named and "not attached" in runner.doubt:
            return attach.to_workspace(case, runner.named, _resource_of(case, runner.named))
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
            mend = enabling(case, read.value)
            return missing("run identity", 6, f"{where}'{read.value.name}' is disabled", mend)
    remark = f" ({runner.remark})" if runner.remark else ""
    return present("run identity", 6, f"{where}runs and mounts as {described(who)}{remark}")


def compute_of(case: Case, body: Mapping[str, Any]) -> Compute | None:
    """The compute target that a job or a step names; None where it names none, or none that is known."""
    name = str(body.get("computeId") or "").rstrip("/").rpartition("/")[2]
    return (case.facts.computes or {}).get(name)


def _able(case: Case) -> str:
    """ARM id of the workspace's identity that may read and write all that the job does, and least else."""
    needs = [need for _, access, place, _ in case.accesses for need in needs_at(access, place)]
    able = [
        (sum(len(entry.data_actions) for grant in grants for entry in grant.permissions), who.resource_id)
        for who in case.facts.attached or ()
        if all(case.judge(need, who.object_id).verdict == "ALLOWED" for need in needs)
        and (grants := [each for need in needs[:1] for each in case.grants_seen(need.scope, who.object_id)])
    ]
    return min(able)[1] if able else ""


def needs_at(access: str, place: Place) -> list[Need]:
    """What reading or writing below a place asks."""
    return [wanted.need for wanted in needs_of_data("run", access, place, "")]


def described(who: Principal) -> str:
    """A principal for a person."""
    parts = [
        who.resource_id.rpartition("/")[2],
        f"object id {who.object_id}" if who.object_id else "",
        f"client id {who.client_id}" if who.client_id else "",
    ]
    return ", ".join(filter(None, parts))


def _refused(case: Case) -> Finding | None:
    """What the text of a refused submit says about the run identity."""
    refusal = case.refusal
    if refusal is None:
        return None
    if refusal.number == 37 and refusal.told:
        kind, _, name = refusal.told["where"].partition(" ")
        if kind == "compute":
            return attach.to_compute(case, name, _resource_of(case, refusal.told["app"]))
        return attach.to_workspace(case, refusal.told["app"], _resource_of(case, refusal.told["app"]))
    if refusal.number != 15 or not refusal.told or not refusal.told.get("scope"):
        return None
    scope = refusal.told["scope"]
    decision = case.judge(Need(ASSIGN, scope), case.object_id)
    if decision.verdict == "ALLOWED":
        return present("run identity", 6, f"the submitter may assign {scope} now")
    mend = barrier.mend(decision, case.object_id, "Managed Identity Operator", scope)
    message = f"the submitter may not assign {scope.rpartition('/')[2]} ({decision.reason})"
    return missing("run identity", 6, message, mend)


def _resource_of(case: Case, client_id: str) -> str:
    """ARM id of a managed identity; empty where the directory does not tell."""
    found = case.examination.see(graph.service_principal(case.settings.cloud, client_id)).value
    return found.resource_id if found else ""
