# SPDX-License-Identifier: Apache-2.0
"""Lakes may let in by ACL whom no role lets in: looked at before a job is refused for want of a role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_azureml.access import acl
from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.access.survey import attempt
from airflow_provider_azureml.access.verify import Judged
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest import graph, resource
from airflow_provider_azureml.rest.flow import Flow

_CONTAINERS = "/blobServices/default/containers/"


def beside_roles(cloud: Cloud, judged: Sequence[Judged]) -> Flow[list[Judged]]:
    """The same, with what the ACLs of lakes say about each place that no role opens to the run identity.

    Where they cannot be read, the refusal stands and says so: ACLs are read with a data role, which a
    broker need not have. What a deny assignment forbids, no ACL gives. Raises ServiceError.
    """
    places: dict[tuple[str, str, str], list[Judged]] = {}
    for each in filter(_is_open, judged):
        places.setdefault(_place(each), []).append(each)
    said: dict[tuple[str, str, str], Decision] = {}
    for (principal, scope, why), together in places.items():
        said[principal, scope, why] = yield from _looked(cloud, principal, scope, together)
    return [_beside(each, said[_place(each)]) if _is_open(each) else each for each in judged]


def _is_open(each: Judged) -> bool:
    """Whether ACLs have a say: data that no role gives the run identity, and no deny takes."""
    need, decision = each.wanted.need, each.decision
    is_refused = decision.verdict == "DENIED" and "/denyAssignments/" not in decision.by
    return is_refused and each.wanted.who == "run" and _CONTAINERS in need.scope


def _place(each: Judged) -> tuple[str, str, str]:
    return each.wanted.principal, each.wanted.need.scope, each.wanted.why


def _beside(each: Judged, said: Decision) -> Judged:
    if said.verdict == "DENIED":
        reasons = filter(None, (each.decision.reason, said.reason))
        said = replace(each.decision, reason="; ".join(reasons))
    return Judged(each.wanted, said)


def _looked(cloud: Cloud, principal: str, scope: str, together: Sequence[Judged]) -> Flow[Decision]:
    """What the ACLs say about one place; no reason where there are none."""
    account_id, _, container = scope.partition(_CONTAINERS)
    account = yield from attempt(resource.get(cloud, account_id))
    if not account.is_known:
        return Decision("DENIED", f"whether ACLs let it in is not known ({account.problem})")
    if not (account.value.get("properties") or {}).get("isHnsEnabled"):
        return Decision("DENIED", "")
    member_of = yield from attempt(graph.groups_of(cloud, principal))
    name = account_id.rpartition("/")[2]
    for folder, letters in _way(together).items():
        read = yield from attempt(resource.acl(cloud, name, container, folder))
        if not read.is_known:
            reason = f"the ACL of '/{folder}' cannot be read ({read.problem}); if it is what lets it in, use 'explain'"
            return Decision("DENIED", reason)
        if not acl.gives(read.value, principal, member_of.value or (), letters):
            return Decision("DENIED", f"nor does the ACL of '/{folder}' give it {letters}")
    return Decision("ALLOWED", f"the ACLs on the way to '{container}' let it in")


def _way(together: Sequence[Judged]) -> dict[str, str]:
    """The folders of the way, and what each has to give for all that is wanted of the place."""
    needs = [each.wanted.need for each in together]
    paths = [str(need.attributes.get("path") or need.attributes.get("prefix") or "") for need in needs]
    is_read = all(need.action.endswith("/blobs/read") for need in needs)
    is_folder = any(need.attributes.get("suboperation") for need in needs)
    return acl.on_the_way(max(paths), "read" if is_read else "write", is_folder=is_folder)
