# SPDX-License-Identifier: Apache-2.0
"""Plane 5: what the connection's identity may do in the workspace."""

from __future__ import annotations

from airflow_provider_azureml.access.evaluate import Decision, Grant, Need, evaluate
from airflow_provider_azureml.access.roles import WORK
from airflow_provider_azureml.checks import barrier
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.rest import resource

_SUBMIT = next(work for work in WORK if work.what == "submit a job")


def permission(case: Case) -> Finding:
    """May it submit jobs?"""
    if not case.has_workspace:
        return unused("workspace", 5, "the connection names no workspace")
    scope = case.examination.hook.workspace.path
    decisions = {need.action: _judged(case, need) for need in _SUBMIT.needs(scope)}
    refused = {action: each for action, each in decisions.items() if each.verdict == "DENIED"}
    if refused:
        return _refused(case, scope, refused)
    open_ = [each for each in decisions.values() if each.verdict != "ALLOWED"]
    if open_:
        return unknown("workspace", 5, open_[0].reason)
    return present("workspace", 5, f"it may {_SUBMIT.what} in {scope.rpartition('/')[2]}")


def _refused(case: Case, scope: str, refused: dict[str, Decision]) -> Finding:
    first = next(iter(refused.values()))
    absent = _absence(case, scope)
    if absent:
        return absent
    mend = barrier.mend(first, case.object_id, _SUBMIT.role, scope)
    if barrier.is_deny(first):
        return missing("workspace", 5, f"{first.reason} forbids it", mend)
    names = ", ".join(action.partition("/workspaces/")[2] for action in refused)
    message = f"object id {case.object_id} may not: {names} ({first.reason})"
    return missing("workspace", 5, message, mend)


def _absence(case: Case, scope: str) -> Finding | None:
    """A workspace that does not exist is refused alike; a reader who may see the group tells."""
    if not case.examination.has_reader:
        return None
    read = case.examination.see(resource.get(case.settings.cloud, scope))
    if read.error and getattr(read.error, "status", 0) == 404:
        mend = "az ml workspace list --query '[].[name,resourceGroup]' (then correct workspace_name of the connection)"
        return missing("workspace", 5, f"there is no workspace {scope}", mend)
    return None


def _judged(case: Case, need: Need) -> Decision:
    """By its assignments where they can be read; else by what ARM tells the identity about itself: not by denies."""
    if case.examination.has_reader and case.object_id:
        decision = case.judge(need, case.object_id)
        if decision.verdict != "UNKNOWN" or barrier.is_deny(decision):
            return decision
    own = case.own_permissions(need.scope)
    if own.value is None:
        return Decision("UNKNOWN", f"its own permissions cannot be read ({own.problem})")
    return evaluate(need, [Grant("", case.object_id, "", "its roles", need.scope, own.value)])
