# SPDX-License-Identifier: Apache-2.0
"""One pass of the reaper of grants: what was granted for a while and is over is deleted.

A teardown can be skipped: by a scheduler that died, a run that was deleted, a `clear`. Only a look from
outside finds such a grant.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from airflow_provider_azureml.access import leasing
from airflow_provider_azureml.access.grant import assignments_used, is_due, spare
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.hooks.broker import Broker
from airflow_provider_azureml.rest import assignment
from airflow_provider_azureml.rest.assignment import LIMIT, Made, Mark

FAILED = "not deleted: "


@dataclass(frozen=True)
class SeenGrant:
    """One assignment that some Airflow made for a while, and what becomes of it.

    :param outcome: what came of a delete; empty when none was tried.
    """

    made: Made
    verdict: str
    reason: str
    outcome: str = ""

    def line(self) -> str:
        """One line for a person."""
        done = f" -> {self.outcome}" if self.outcome else ""
        about = f"{self.made.role} for {self.made.principal_id} on {self.made.scope}"
        return f"{self.verdict:<6}  {self.made.name}  {about}  {self.reason}{done}"


@dataclass
class GrantTally:
    """What a pass came to, in assignments.

    :param seen: at the scopes, above and below them.
    :param ours: made by this deployment's broker for a while.
    :param due: of those whose time is over.
    :param deleted: of those (none in a dry run); `kept` because a lease lives, `failed` with an error.
    :param used: of the subscription's `limit`, as far as the scopes show.
    """

    seen: int = 0
    ours: int = 0
    due: int = 0
    deleted: int = 0
    kept: int = 0
    failed: int = 0
    used: int = 0
    limit: int = LIMIT

    def sentence(self) -> str:
        """The record for a person."""
        done = f"{self.deleted} deleted, {self.kept} kept for a run that lives, {self.failed} failed"
        return (
            f"{self.seen} assignments, {self.ours} of them ours for a while: {self.due} are over ({done}). "
            f"At least {self.used} of the {self.limit} that a subscription may hold."
        )


@dataclass
class GrantReaper:
    """Looks at all assignments below some scopes.

    :param acts: whether to delete; False only says what would be done.
    """

    broker: Broker
    scopes: Sequence[str]
    acts: bool = False
    tally: GrantTally = field(default_factory=GrantTally)

    def run(self) -> Iterator[SeenGrant]:
        """One pass; the tally is whole once it is used up. Raises AzureMLError when Azure gives no list."""
        found = self._found()
        now = time.time()
        for made in found:
            if Mark.read(made.description):
                yield self._treat(made, now)

    def _found(self) -> list[Made]:
        if isinstance(self.scopes, str) or not self.scopes:
            raise ConfigurationError("scopes", "is no list of ARM ids.", "Pass the broker's resource groups.")
        hook, found = self.broker.hook, dict[str, Made]()
        for scope in self.scopes:
            if not scope.lower().startswith("/subscriptions/"):
                mend = "Begin with /subscriptions/."
                raise ConfigurationError("scopes", f"'{scope}' is no ARM id.", mend)
            below = hook.run(assignment.list_below(hook.settings.cloud, scope.rstrip("/")))
            found |= {made.id.lower(): made for made in below}
        self.tally.seen = len(found)
        subscriptions = {scope.split("/")[2].lower() for scope in self.scopes}
        self.tally.used = max(assignments_used(found.values(), each) for each in subscriptions)
        return list(found.values())

    def _treat(self, made: Made, now: float) -> SeenGrant:
        desk = self.broker.desk
        reason = spare(made, desk.deployment, desk.broker)
        if reason:
            return SeenGrant(made, "LEAVE", reason)
        self.tally.ours += 1
        if not is_due(made, desk.deployment, desk.broker, now):
            return SeenGrant(made, "LEAVE", f"its time is not over ({made.description})")
        self.tally.due += 1
        return SeenGrant(made, "DELETE", f"its time is over ({made.description})", self._deleted(made))

    def _deleted(self, made: Made) -> str:
        if not self.acts:
            return ""
        try:
            outcome = self.broker.reap(made)
        except AzureMLError as error:
            self.tally.failed += 1
            return f"{FAILED}{error}"
        self.tally.kept += outcome == leasing.KEPT
        self.tally.deleted += outcome in (leasing.DELETED, leasing.GONE)
        return outcome
