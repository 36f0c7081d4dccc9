# SPDX-License-Identifier: Apache-2.0
"""Granting for a while, and revoking, safe at every crash: flows over `rest`, decisions in `grant.py`.

Taking writes the lease before the assignment, giving back deletes the assignment before the lease: so an
assignment without a lease is one that the reaper may end. Who deletes says so in the register first, and
nobody enters a lease meanwhile (docs/decisions/0010).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from airflow_provider_azureml.access import grant as decide
from airflow_provider_azureml.access.grant import FOREIGN, LEASED, STANDING, Close, Nothing, Wait, Write
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.errors import ServiceError, UnreachableError
from airflow_provider_azureml.rest import assignment, schedule
from airflow_provider_azureml.rest import lease as registers
from airflow_provider_azureml.rest.assignment import Grant, Made, Mark
from airflow_provider_azureml.rest.flow import Flow, Pause
from airflow_provider_azureml.rest.lease import Lease, Register, Seen
from airflow_provider_azureml.rest.schedule import Reason

LAG = 600.0
"""Seconds by which the time in a description may be behind its leases, which are what protects."""
ROUNDS = 200
"""Looks at a register before one gives up; there are up to two seconds between them."""
KEPT, DELETED, SPARED, GONE, NOT_HELD = "kept", "deleted", "spared", "gone", "not held"
LEFT = "left to its end"
"""What came of giving back: others need it; deleted; not ours; it was not there; there was no lease; PIM
removes nothing in its first five minutes, and ends it at its time."""
REVOKE, REAP = "revoke", "reaper"
Step = Write | Close | Wait | Nothing


@dataclass(frozen=True)
class Desk:
    """Where grants are leased.

    :param folder: address of the container of the registers.
    :param deployment: `[azureml] deployment_id`.
    :param broker: object id of the identity that grants.
    :param is_scheduled: grants are PIM's, which Azure ends at their time; else plain role assignments.
    :param justification: for PIM's own log.
    """

    cloud: Cloud
    folder: str
    deployment: str
    broker: str
    is_scheduled: bool = False
    justification: str = ""

    def url(self, grant: Grant) -> str:
        """Address of a grant's register: one for all generations."""
        return f"{self.folder}/{replace(grant, generation=0).name}.json"


@dataclass(frozen=True)
class Held:
    """A grant that is there.

    :param grant: of the generation that is there.
    :param how: `leased`, `standing` or `foreign`.
    :param id: of the assignment.
    """

    grant: Grant
    how: str
    id: str


def take(desk: Desk, grant: Grant, holder: str, token: str, seconds: float) -> Flow[Held]:
    """Lease a grant; raises DeniedError where the broker may not give it."""
    register, is_first = yield from _enter(desk, grant, holder, token, seconds)
    lease, current = register.leases[-1], replace(grant, generation=register.generation)
    try:
        if desk.is_scheduled:
            held = yield from _schedule(desk, current, seconds, is_first)
        else:
            held = yield from _ensure(desk, current, lease)
    except UnreachableError:
        raise  # it may have been made: the lease stays in sight, for the next try or the reaper
    except ServiceError:
        yield from _withdraw(desk, grant, holder, token)
        raise
    if held.how == STANDING:
        yield from _withdraw(desk, grant, holder, token)
    return held


def give_back(desk: Desk, grant: Grant, holder: str, token: str) -> Flow[str]:
    """End a lease, and the assignment with the last one; returns what came of it."""
    return (yield from _end(desk, grant, token, lambda seen: decide.give_back(seen, holder, token), REVOKE))


def reap(desk: Desk, made: Made) -> Flow[str]:
    """Delete an assignment that is due, unless a lease lives; returns what came of it."""
    token, grant = f"{REAP}-{uuid.uuid4()}", made.grant
    return (yield from _end(desk, grant, token, lambda seen: decide.close(seen, token), REAP, made))


def _enter(desk: Desk, grant: Grant, holder: str, token: str, seconds: float) -> Flow[tuple[Register, bool]]:
    """The register with the new lease as its last one, and whether none lived before, of whomever."""
    url = desk.url(grant)
    for pause in _pauses():
        seen = yield from registers.read(url)
        step = decide.take(seen, Lease(holder, token, seen.now + seconds), grant.notes)
        if isinstance(step, Write) and (yield from registers.write(url, step.register, seen.etag)):
            return step.register, not decide.living(seen.register, seen.now)
        yield pause
    raise _busy(grant)


def _ensure(desk: Desk, grant: Grant, lease: Lease) -> Flow[Held]:
    """The assignment as it is there, or a new one, wanted until the lease ends."""
    made = yield from _find(desk, grant)
    how = decide.held_as(made, desk.deployment) if made else LEASED
    if made and how != LEASED:
        there = next((each for each in grant.generations if each.name == made.name), grant)
        return Held(there, how, made.id)
    mark = Mark.read(made.description) if made else None
    if made and made.name == grant.name and mark and mark.expires >= lease.until - LAG:
        return Held(grant, LEASED, grant.id)
    description = str(Mark(desk.deployment, lease.until))
    existing = yield from assignment.put(desk.cloud, grant, description)
    if existing and existing in [each.name for each in grant.generations]:
        yield from assignment.delete(desk.cloud, grant, existing, REVOKE)
        existing = yield from assignment.put(desk.cloud, grant, description)
    return Held(grant, STANDING, existing) if existing else Held(grant, LEASED, grant.id)


def _schedule(desk: Desk, grant: Grant, seconds: float, is_first: bool) -> Flow[Held]:
    """The same by PIM; an assignment that was there before any lease is a standing one."""
    reason = Reason(desk.justification)
    if not (yield from schedule.assign(desk.cloud, grant, seconds, reason)):
        if is_first:
            return Held(grant, STANDING, "")
        yield from schedule.assign(desk.cloud, grant, seconds, reason, schedule.UPDATE)
    return Held(grant, LEASED, "")


def _find(desk: Desk, grant: Grant) -> Flow[Made | None]:
    """The assignment of a grant, of this generation or of an earlier one; the last two are asked for by name."""
    for each in grant.generations[:2]:
        made = yield from assignment.get(desk.cloud, each)
        if made:
            return made
    if grant.generation < 2:
        return None
    earlier = {each.name for each in grant.generations[2:]}
    below = yield from assignment.list_below(desk.cloud, grant.scope)
    return next((made for made in below if made.name in earlier), None)


def _withdraw(desk: Desk, grant: Grant, holder: str, token: str) -> Flow[None]:
    """Take a lease back without touching the assignment. A lease that stays ends by itself."""
    url = desk.url(grant)
    for pause in _pauses(5):
        try:
            seen = yield from registers.read(url)
            step = decide.give_back(seen, holder, token)
            if isinstance(step, Nothing) or (yield from _withdrawn(url, step, seen)):
                return
        except ServiceError:
            return
        yield pause


def _withdrawn(url: str, step: Step, seen: Seen) -> Flow[bool]:
    if isinstance(step, Write | Close):
        left = step.register if isinstance(step, Write) else replace(step.register, leases=(), closing="")
        return (yield from registers.write(url, left, seen.etag))
    return False


def _end(
    desk: Desk,
    grant: Grant,
    token: str,
    step_of: Callable[[Seen], Step],
    reason: str,
    known: Made | None = None,
) -> Flow[str]:
    url = desk.url(grant)
    for pause in _pauses():
        seen = yield from registers.read(url)
        step = step_of(seen)
        if isinstance(step, Nothing):
            return KEPT if seen.register.leases else NOT_HELD
        if not isinstance(step, Wait) and (yield from registers.write(url, step.register, seen.etag)):
            if isinstance(step, Write):
                return KEPT
            current = replace(grant, generation=step.register.generation)
            outcome = yield from _delete(desk, current, reason, known)
            yield from _forget(url, token, is_left=outcome == LEFT)
            return outcome
        yield pause
    raise _busy(grant)


def _delete(desk: Desk, grant: Grant, reason: str, known: Made | None) -> Flow[str]:
    """Delete the assignment, if it is ours."""
    if desk.is_scheduled:
        came = yield from schedule.remove(desk.cloud, grant, Reason(desk.justification))
        return {schedule.REMOVED: DELETED, schedule.LEFT: LEFT}.get(came, GONE)
    made = known or (yield from _find(desk, grant))
    if made is None:
        return GONE
    if decide.spare(made, desk.deployment, desk.broker):
        return SPARED
    deleted = yield from assignment.delete(desk.cloud, grant, made.name, reason)
    return DELETED if deleted else GONE


def _forget(url: str, token: str, is_left: bool) -> Flow[None]:
    """The register is of no more use; the number of its generation is, where there is one.

    :param is_left: the assignment stays until its time, and so does its lease: it is nobody's standing one.
    """
    seen = yield from registers.read(url)
    if seen.register.closing != token:
        return
    if is_left:
        yield from registers.write(url, replace(seen.register, closing=""), seen.etag)
    elif seen.register.generation:
        yield from registers.write(url, replace(seen.register, leases=(), closing=""), seen.etag)
    else:
        yield from registers.remove(url, seen.etag)


def _pauses(rounds: int = ROUNDS) -> list[Pause]:
    return [Pause(min(2.0, 0.1 * 2.0**number)) for number in range(rounds)]


def _busy(grant: Grant) -> ServiceError:
    text = f"The register of {grant} changed at each look, or another run is stuck in it"
    return ServiceError(409, "LeaseBusy", text)


def is_kept(held: Held) -> bool:
    """Whether it has to be given back."""
    return held.how in (LEASED, FOREIGN)
