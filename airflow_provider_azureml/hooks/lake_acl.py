# SPDX-License-Identifier: Apache-2.0
"""Lakes may let in by ACL whom no role lets in: looked at before a job is refused for want of a role."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from airflow_provider_azureml.access import acl
from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.access.survey import attempt
from airflow_provider_azureml.access.verify import Judged
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import graph, resource
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.resource import Posix

_CONTAINERS = "/blobservices/default/containers/"


def beside_roles(cloud: Cloud, judged: Sequence[Judged]) -> Flow[list[Judged]]:
    """The same, with what the ACLs of lakes say about each place that no role opens to the run identity.

    Where they, or the groups of who runs, cannot be read, the refusal stands and says so: ACLs are read with
    a data role, which a broker need not have. What a deny assignment forbids, no ACL gives. Raises ServiceError.
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
    return is_refused and each.wanted.who == "run" and _CONTAINERS in need.scope.lower()


def _place(each: Judged) -> tuple[str, str, str]:
    return each.wanted.principal, each.wanted.need.scope, each.wanted.why


def _beside(each: Judged, said: Decision) -> Judged:
    if said.verdict == "DENIED":
        reasons = filter(None, (each.decision.reason, said.reason))
        said = replace(each.decision, reason="; ".join(reasons))
    return Judged(each.wanted, said)


def _looked(cloud: Cloud, principal: str, scope: str, together: Sequence[Judged]) -> Flow[Decision]:
    """What the ACLs say about one place; no reason where there are none."""
    at = scope.lower().index(_CONTAINERS)
    account_id, container = scope[:at], scope[at + len(_CONTAINERS) :]
    account = yield from attempt(resource.get(cloud, account_id))
    if not account.is_known:
        return Decision("DENIED", f"whether ACLs let it in is not known ({account.problem})")
    if not (account.value.get("properties") or {}).get("isHnsEnabled"):
        return Decision("DENIED", "")
    member_of = yield from attempt(graph.groups_of(cloud, principal))
    said = yield from _along(_Way(cloud, account_id, container, principal, member_of.value or ()), together)
    if said.verdict == "DENIED" and not member_of.is_known:
        unread = (
            f"its groups cannot be read ({member_of.problem}); if they are what lets it in, use 'explain'"
        )
        return replace(said, reason=f"{said.reason}, and {unread}")
    return said


def _along(way: _Way, together: Sequence[Judged]) -> Flow[Decision]:
    """From the root to the place, until a folder stops it."""
    last: Posix | None = None
    for folder, letters in _letters(together).items():
        read = yield from attempt(way.look(folder))
        if not read.is_known:
            reason = f"the ACL of '/{folder}' cannot be read ({read.problem}); if it is what lets it in, use 'explain'"
            return Decision("DENIED", reason)
        if read.value is None:
            return _in_what_is_not_there(way, folder, last, _is_read(together))
        if not way.gives(read.value, letters):
            return Decision("DENIED", f"nor does the ACL of '/{folder}' give it {letters}")
        last = read.value
    return Decision("ALLOWED", f"the ACLs on the way to '{way.container}' let it in")


def _in_what_is_not_there(way: _Way, folder: str, above: Posix | None, is_read: bool) -> Decision:
    """Who makes a folder owns it; what is to be read has no ACL before somebody has made it."""
    if is_read or above is None:
        return Decision("UNKNOWN", f"'/{folder}' does not exist, so that it has no ACL")
    if way.gives(above, "-wx"):
        return Decision("ALLOWED", f"the ACL of the folder above lets it make '/{folder}'")
    return Decision("DENIED", f"nor does the ACL of the folder above let it make '/{folder}'")


@dataclass(frozen=True)
class _Way:
    """Who goes into which container.

    :param groups: object ids of those that the principal is in.
    """

    cloud: Cloud
    account_id: str
    container: str
    principal: str
    groups: Collection[str]

    def look(self, folder: str) -> Flow[Posix | None]:
        """What stands at a folder; None where there is none. Raises DeniedError."""
        account = self.account_id.rpartition("/")[2]
        try:
            return (yield from resource.posix(self.cloud, account, self.container, folder))
        except NotFoundError:
            return None

    def gives(self, found: Posix, letters: str) -> bool:
        """Whether the principal has the letters there."""
        return acl.gives(found, self.principal, self.groups, letters)


def _is_read(together: Sequence[Judged]) -> bool:
    return all(each.wanted.need.action.endswith("/blobs/read") for each in together)


def _letters(together: Sequence[Judged]) -> dict[str, str]:
    """The folders of the way, and what each has to give for all that is wanted of the place."""
    needs = [each.wanted.need for each in together]
    paths = [str(need.attributes.get("path") or need.attributes.get("prefix") or "") for need in needs]
    is_folder = any(need.attributes.get("suboperation") for need in needs)
    return acl.on_the_way(max(paths), "read" if _is_read(together) else "write", is_folder=is_folder)
