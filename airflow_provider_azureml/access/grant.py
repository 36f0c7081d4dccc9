# SPDX-License-Identifier: Apache-2.0
"""What to do about a grant that is wanted for a while, or no longer: decisions without a request.

The rules are those of docs/decisions/0010. A lease protects a grant; the last living lease's end deletes
it; what no Airflow made is adopted, and never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.assignment import Made, Mark
from airflow_provider_azureml.rest.lease import Lease, Register, Seen

CLOSING = 120.0
"""Seconds after which somebody who was about to delete an assignment is taken for dead."""
SHORTEST, LONGEST = 300.0, 7 * 86400.0
"""Seconds that a grant may be asked for: Azure's PIM begins at five minutes."""
YOUNG = 900.0
"""Seconds for which a refusal may only mean that a new grant has not spread yet (Azure promises ten minutes)."""
LEASED, STANDING, FOREIGN = "leased", "standing", "foreign"
"""How a wanted grant is held: an assignment of ours; one that nobody made for a while; another Airflow's."""


@dataclass(frozen=True)
class Wait:
    """Somebody is deleting the assignment just now."""


@dataclass(frozen=True)
class Write:
    """Write the register, no more: others need the grant."""

    register: Register


@dataclass(frozen=True)
class Close:
    """Write the register, delete the assignment, then the register."""

    register: Register


@dataclass(frozen=True)
class Nothing:
    """There is nothing to give back."""


def living(register: Register, now: float) -> tuple[Lease, ...]:
    """Leases that have not ended."""
    return tuple(lease for lease in register.leases if lease.until > now)


def take(seen: Seen, lease: Lease, grant: Mapping[str, str]) -> Write | Wait:
    """Enter a lease. The one that this task instance already has is renewed; ended ones are forgotten."""
    if _is_being_closed(seen, lease.token):
        return Wait()
    others = [each for each in living(seen.register, seen.now) if each.holder != lease.holder]
    return Write(Register((*others, lease), "", grant, _generation(seen, lease.token)))


def give_back(seen: Seen, holder: str, token: str) -> Write | Close | Wait | Nothing:
    """End a lease; whoever has none gives nothing back, but finishes what died half-way."""
    if _is_being_closed(seen, token):
        return Wait()
    register = replace(seen.register, generation=_generation(seen, token))
    ended = tuple(each for each in register.leases if (each.holder, each.token) == (holder, token))
    others = tuple(each for each in living(register, seen.now) if each not in ended)
    if others:
        return Write(replace(register, leases=others, closing="")) if ended else Nothing()
    if not ended and register.closing != token:
        return Nothing()
    # The lease stays until the assignment is gone: a crash in between leaves it in sight.
    return Close(replace(register, leases=ended, closing=token))


def close(seen: Seen, token: str) -> Close | Wait | Nothing:
    """The reaper's way: only where no lease lives."""
    if living(seen.register, seen.now):
        return Nothing()
    if _is_being_closed(seen, token):
        return Wait()
    return Close(Register((), token, seen.register.grant, _generation(seen, token)))


def _is_being_closed(seen: Seen, token: str) -> bool:
    return seen.register.closing not in ("", token) and seen.age < CLOSING


def _generation(seen: Seen, token: str) -> int:
    """The next one after somebody was taken for dead: should they live, they delete an earlier one."""
    return seen.register.generation + (seen.register.closing not in ("", token))


def held_as(made: Made, deployment: str) -> str:
    """How an assignment that is there already is to be treated."""
    mark = Mark.read(made.description)
    if mark is None:
        return STANDING
    return LEASED if mark.deployment == deployment else FOREIGN


def spare(made: Made, deployment: str, broker: str) -> str:
    """Why an assignment is not ours to delete; empty when it is.

    :param broker: object id of the identity that grants.
    """
    mark = Mark.read(made.description)
    if mark is None:
        return "no Airflow made it for a while"
    if mark.deployment != deployment:
        return f"deployment '{mark.deployment}' made it"
    if made.created_by.lower() != broker.lower():
        return f"{made.created_by or 'somebody unknown'} made it, not the broker {broker}"
    return ""


def is_due(made: Made, deployment: str, broker: str, now: float) -> bool:
    """Whether the reaper may delete an assignment, provided that no lease lives."""
    mark = Mark.read(made.description)
    return mark is not None and not spare(made, deployment, broker) and mark.expires < now


def lease_seconds(valid_for: float) -> float:
    """Check the time for which a grant is asked for. Raises ConfigurationError."""
    if not SHORTEST <= valid_for <= LONGEST:
        mend = f"Choose between {SHORTEST:g} and {LONGEST:g} seconds."
        raise ConfigurationError("valid_for", f"{valid_for:g} does not fit.", mend)
    return valid_for


def assignments_used(found: Iterable[Made], subscription: str) -> int:
    """How many of a subscription's 4000 assignments are in a list."""
    prefix = f"/subscriptions/{subscription}".lower()
    return sum((made.scope.lower() + "/").startswith(prefix + "/") for made in found)
