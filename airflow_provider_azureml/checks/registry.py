# SPDX-License-Identifier: Apache-2.0
"""Plane 9: who pulls the image of a job from a container registry, and whether the registry lets it.

Source: "Azure Container Registry roles and permissions": a registry in ABAC mode does not honour AcrPull.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_azureml.access.evaluate import Need
from airflow_provider_azureml.access.facts import Principal
from airflow_provider_azureml.access.run_identity import Runner
from airflow_provider_azureml.checks import barrier
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown
from airflow_provider_azureml.checks.running import compute_of, described
from airflow_provider_azureml.rest import resource

_KIND = "Microsoft.ContainerRegistry/registries"
_BY_REPOSITORY = "AbacRepositoryPermissions"
_HOST = re.compile(r"(?:https?://)?([a-z0-9]+)\.azurecr\.(?:io|us|cn)/", re.IGNORECASE)


def registries(case: Case) -> Iterator[Finding]:
    """One finding for each registry and who pulls from it; none where no image lies in one."""
    seen: set[tuple[str, str]] = set()
    for step, runner in case.steps:
        named = _HOST.match(_image(case, step.body))
        who = _puller(case, step.body, runner)
        if named and (named[1].lower(), who.object_id if who else "") not in seen:
            seen.add((named[1].lower(), who.object_id if who else ""))
            yield _pulled(case, named[1], who)


def _image(case: Case, body: Mapping[str, Any]) -> str:
    """Of the environment that the step names; empty for one of an Azure ML registry, or one that cannot be read."""
    reference = str(body.get("environmentId") or "").removeprefix("azureml:")
    if not reference.startswith("/subscriptions/"):
        return ""
    found = case.examination.see(resource.get(case.settings.cloud, reference)).value or {}
    return str((found.get("properties") or {}).get("image") or "")


def _puller(case: Case, body: Mapping[str, Any], runner: Runner) -> Principal | None:
    """The compute's own identity, whoever the job runs as; of a serverless job the run identity."""
    if not body.get("computeId"):
        return runner.principal
    compute = compute_of(case, body)
    return compute.identities[0] if compute and compute.identities else None


def _pulled(case: Case, name: str, who: Principal | None) -> Finding:
    told = case.settings
    read = case.examination.see(resource.named(told.cloud, told.subscription_id, _KIND, name))
    if read.value is None:
        why = read.problem or "the subscription has none of this name"
        return unknown("registry", 9, f"{name}: {why}")
    properties = read.value.get("properties") or {}
    if properties.get("adminUserEnabled"):
        return present("registry", 9, f"{name}: its admin user is on: no role is needed")
    if who is None:
        return unknown("registry", 9, f"{name}: who pulls from it is not known, or has no identity")
    need, role = _asked(str(read.value["id"]), str(properties.get("roleAssignmentMode")))
    decision = case.judge(need, who.object_id)
    if decision.verdict == "ALLOWED":
        return present("registry", 9, f"{name}: {described(who)} may pull, by {decision.reason}")
    message = f"{name}: {described(who)} may not pull: {decision.reason}"
    if decision.verdict == "DENIED":
        return missing("registry", 9, message, barrier.mend(decision, who.object_id, role, need.scope))
    return unknown("registry", 9, f"{name}: {decision.verdict}: {decision.reason}")


def _asked(scope: str, mode: str) -> tuple[Need, str]:
    """What a pull asks, and the least role that gives it."""
    if mode == _BY_REPOSITORY:
        return Need(
            f"{_KIND}/repositories/content/read", scope, data=True
        ), "Container Registry Repository Reader"
    return Need(f"{_KIND}/pull/read", scope), "AcrPull"
