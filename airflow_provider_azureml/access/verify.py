# SPDX-License-Identifier: Apache-2.0
"""Whether a job would be refused, before it is submitted: each need against what was read, and what to say.

Only a certain "no" stops a job. What hangs on a condition, or could not be read, is said and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_azureml.access.command import giving
from airflow_provider_azureml.access.evaluate import Decision, Deny, Grant, evaluate
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.pattern import covers
from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.authorization import Permission

SUBMITTER = "submitter"


@dataclass(frozen=True)
class Held:
    """What a principal holds at a place and above it.

    :param problem: why that could not be read; empty when it was.
    :param unread: scopes of assignments whose role could not be read.
    """

    grants: Sequence[Grant] = ()
    denies: Sequence[Deny] = ()
    problem: str = ""
    unread: Sequence[str] = ()


@dataclass(frozen=True)
class Judged:
    """One need, and whether it is met."""

    wanted: Wanted
    decision: Decision


def own(scope: str, permissions: Sequence[Permission]) -> Held:
    """What the caller may do at a scope, as Azure's `permissions` tells it: it knows no conditions."""
    return Held([Grant("", "", "", "its roles", scope, tuple(permissions))])


def judge(wanted: Iterable[Wanted], held: Mapping[tuple[str, str], Held]) -> list[Judged]:
    """Each need against what was read.

    :param held: by who (`submitter`, or the principal's object id) and place; see `place_of`.
    """
    return [Judged(each, _decide(each, held.get(place_of(each)))) for each in wanted]


def place_of(wanted: Wanted) -> tuple[str, str]:
    """Whose assignments decide, and where they are asked for: a storage account or vault stands for its parts."""
    scope = wanted.need.scope.lower()
    for part in ("/blobservices/", "/secrets/"):
        scope = scope.partition(part)[0]
    who = SUBMITTER if wanted.who == SUBMITTER else wanted.principal.lower()
    return who, scope


def _decide(wanted: Wanted, held: Held | None) -> Decision:
    if wanted.secret:
        return Decision(
            "UNKNOWN", f"the datastore stores credentials ({wanted.secret}); no role counts there"
        )
    if wanted.doubt or held is None:
        return Decision("UNKNOWN", wanted.doubt or "who it is, or where, is not known")
    if held.problem:
        return Decision("UNKNOWN", held.problem)
    decision = evaluate(wanted.need, held.grants, held.denies)
    if decision.verdict == "DENIED" and any(covers(scope, wanted.need.scope) for scope in held.unread):
        return Decision("UNKNOWN", "a role that it holds could not be read")
    return decision


def refused(judged: Iterable[Judged]) -> list[Judged]:
    """What certainly would be refused."""
    return [each for each in judged if each.decision.verdict == "DENIED"]


def refusal(denied: Sequence[Judged], submitter: str) -> ConfigurationError:
    """One error for all that is missing, with a command for each role.

    :param submitter: object id of the connection's identity.
    """
    texts, mends = [], dict[str, None]()
    for each in denied:
        need, who = each.wanted.need, each.wanted.principal or submitter
        kind = "data action" if need.data else "action"
        party = "the submitter" if each.wanted.who == SUBMITTER else "the run identity"
        texts.append(
            f"{party} {who} lacks {kind} {need.action} on {need.scope} (it {each.wanted.why}: "
            f"{each.decision.reason})"
        )
        mends[giving(who, each.wanted.role or f"<a role with {need.action}>", need.scope)] = None
    more = f" And {len(texts) - 3} more." if len(texts) > 3 else ""
    problem = "the job was not submitted, it would be refused: " + "; ".join(texts[:3]) + "." + more
    return ConfigurationError("access", problem, "Mend: " + " ; ".join(mends))


def doubts(judged: Sequence[Judged]) -> str:
    """One line about what could not be told; empty when everything is certain."""
    open_ones = [each for each in judged if each.decision.verdict in ("CONDITIONAL", "UNKNOWN")]
    if not open_ones:
        return ""
    counts = Counter(each.decision.verdict for each in open_ones)
    reasons = dict.fromkeys(f"{each.wanted.who}: {each.decision.reason}" for each in open_ones)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return f"{told} of {len(judged)} needs ({'; '.join(list(reasons)[:3])})"
