# SPDX-License-Identifier: Apache-2.0
"""Which principal a job really is when it opens its data (facts: identity.md 3.1, 3.2).

Not always the one that its definition names: a cluster mounts with its own default identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_azureml.access.facts import Compute, Principal, WorkspaceFacts

MANAGED, USER, TOKEN, NAMED = "managed", "user", "token", ("clientId", "objectId", "resourceId")
_KINDS = {"managed": MANAGED, "managedidentity": MANAGED, "useridentity": USER, "amltoken": TOKEN}
_STEP_NAMES = {"client_id": "clientId", "object_id": "objectId", "msi_resource_id": "resourceId"}
_STEP_NAMES |= {"resource_id": "resourceId"}


@dataclass(frozen=True)
class Runner:
    """Who runs a job.

    :param principal: None where nobody can tell, or where the job has no identity for data: `doubt` says why.
    :param named: the id that the definition names; the submitter must be allowed to assign it.
    :param remark: what a person should know although the principal is known.
    """

    principal: Principal | None
    named: str = ""
    doubt: str = ""
    remark: str = ""


def runner_of(body: Mapping[str, Any], facts: WorkspaceFacts) -> Runner:
    """Who a job is, or a step of a pipeline: from `identity`, `computeId` and what the workspace says."""
    kind, named = asked_identity(body)
    compute = _compute(body, facts)
    if isinstance(compute, str):
        return Runner(None, named, compute)
    if kind == TOKEN:
        return Runner(None, doubt="an AMLToken is no identity for data")
    if kind == USER or (not kind and compute is None):
        return _submitter(facts)
    if compute is not None and compute.type.lower() == "amlcompute":
        return _cluster(compute, named, facts)
    return _chosen(named, compute, facts)


def asked_identity(body: Mapping[str, Any]) -> tuple[str, str]:
    """Kind (`managed`, `user`, `token`, empty for none) and id in the `identity` of a job or a step."""
    given = {_STEP_NAMES.get(name, name): value for name, value in (body.get("identity") or {}).items()}
    spelled = given.get("identityType") or given.get("identity_type") or given.get("type") or ""
    kind = _KINDS.get(str(spelled).replace("_", "").lower(), "")
    return kind, next((str(given[name]) for name in NAMED if given.get(name)), "")


def _compute(body: Mapping[str, Any], facts: WorkspaceFacts) -> Compute | str | None:
    """The compute target, None for serverless, or why it is not known."""
    reference = str(body.get("computeId") or "").rstrip("/")
    if not reference:
        return None
    name = reference.rpartition("/")[2].removeprefix("azureml:")
    if facts.computes is None:
        return facts.unread.get("computes", "the computes were not read")
    found = facts.computes.get(name)
    return found if found else f"the workspace has no compute '{name}'"


def _submitter(facts: WorkspaceFacts) -> Runner:
    doubt = "" if facts.submitter else "the job runs as its submitter, who is not known here"
    remark = "it runs as its submitter; whether that works for an application is not documented by Microsoft"
    return Runner(facts.submitter, doubt=doubt, remark=remark)


def _cluster(compute: Compute, named: str, facts: WorkspaceFacts) -> Runner:
    """A cluster mounts with its default identity: the system's own, or the first assigned one."""
    remark = ""
    if named and not any(each.is_called(named) for each in compute.identities[:1]):
        chosen = _chosen(named, compute, facts)
        remark = f"cluster '{compute.name}' may mount with its default identity instead; Azure does not say"
        return Runner(chosen.principal, named, chosen.doubt, remark)
    if not compute.identities:
        return Runner(None, named, f"cluster '{compute.name}' has no managed identity")
    if len(compute.identities) > 1:
        remark = f"cluster '{compute.name}' has {len(compute.identities)} identities; the first one mounts"
    return Runner(compute.identities[0], named, remark=remark)


def _chosen(named: str, compute: Compute | None, facts: WorkspaceFacts) -> Runner:
    """The identity that is named, among those that the job can be; the only one where none is named."""
    if facts.attached is None:
        return Runner(None, named, facts.unread.get("workspace", "the workspace was not read"))
    candidates = (*facts.attached, *(compute.identities if compute else ()))
    where = f"compute '{compute.name}'" if compute else "the workspace"
    if not named:
        own = compute.identities if compute else facts.attached
        if len(own) == 1:
            return Runner(own[0])
        return Runner(None, doubt=f"{where} has {len(own)} identities, and the job names none")
    found = next((each for each in candidates if each.is_called(named)), None)
    if found is None:
        return Runner(None, named, f"identity '{named}' is not attached to {where}")
    return Runner(found, named)
