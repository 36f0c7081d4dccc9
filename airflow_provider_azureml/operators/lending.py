# SPDX-License-Identifier: Apache-2.0
"""`access="grant"`: what a job's run identity lacks is leased before the submit, and given back at its end.

No state is kept: which grants a job may have needed follows from its definition, the holder of their leases
is the job's base name, and their token that with the number of the try. So whatever process sees the end gives back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.access.grant import LONGEST, SHORTEST, STANDING
from airflow_provider_azureml.access.roles import ROLES
from airflow_provider_azureml.access.verify import SUBMITTER, Judged, doubts, refusal, refused
from airflow_provider_azureml.compat import TaskDeferred, configured
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.broker import Broker, broker_conn_id
from airflow_provider_azureml.hooks.verifying import MEMORY
from airflow_provider_azureml.operators.attempt import Claim
from airflow_provider_azureml.operators.effect import Wait, note_effective, why_not
from airflow_provider_azureml.operators.verifying import verifier
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.triggers.job import ENDED
from airflow_provider_azureml.triggers.probe import FIRST

if TYPE_CHECKING:
    from airflow_provider_azureml.access.needs import Wanted
    from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

DAY = 86400.0
AFTERWARDS = 900.0
"""Seconds for which a lease outlasts the deadline of its task."""
MINIMUM_WAIT, LONGEST_WAIT = 120.0, 900.0
"""Seconds: a run identity cannot be tried out from here, and Azure promises ten minutes."""
GENERATIONS = 100
"""Of an assignment of ours, the latest that is known as such; each one more takes a deletion that died half-way."""
_YOUNG = re.compile(
    r"PermissionMismatch|[Pp]ermission ?[Dd]enied|not authorized to perform this operation using"
)
"""What Azure says of data where a grant has not arrived yet."""


class Lender:
    """Leases for one try of one task."""

    def __init__(self, task: AzureMLRunJobOperator, context: Mapping[str, Any]) -> None:
        self.task = task
        self.holder = Claim.of(context).base
        self.token = f"{self.holder}-{task.try_number}"
        self._context = context
        ti = context["ti"]
        why = f"{ti.dag_id}, {ti.task_id}, {ti.run_id}"
        self.broker = Broker(AzureMLHook(broker_conn_id()), justification=why)

    def lend(self, compiled: Compiled, awaited: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Lease what is missing, and wait until it works; raises TaskDeferred to wait in the triggerer.

        :param awaited: the event of the wait, where this try has waited for its grants already.
        :return: that event, which says that no more waiting is of use.
        """
        if awaited:
            _require_ended(awaited)
        own = verifier(self.task)
        judged = own.judge(compiled)
        denied = refused(judged)
        hopeless = [each for each in denied if grant_of(each.wanted) is None]
        if hopeless:
            raise refusal(hopeless, own.submitter.object_id)
        if line := doubts(judged):
            self.task.log.warning("Access is not certain, and nothing is granted for it: %s", line)
        missing = candidates(denied)
        taken = self._taken([*missing, *shared(judged)])
        news = [made for wished, made in taken.items() if wished in missing]
        if news and not awaited:
            awaited = self._wait(news)
        if awaited:
            note_effective(self.broker.hook, list(taken.values()))
        return awaited or {"reason": ENDED}

    def renew(self, compiled: Compiled) -> None:
        """Take over the leases of an earlier try, whose job this one goes on with."""
        self._taken(shared(verifier(self.task).judge(compiled)))

    def _taken(self, wished: Iterable[Grant]) -> dict[Grant, Grant]:
        """Those that are leased: as wished, and as made (of which generation). All are given back when one is refused."""
        taken: dict[Grant, Grant] = {}
        try:
            for each in dict.fromkeys(wished):
                held = self.broker.take(each, self.holder, self.token, self._seconds())
                if held.how != STANDING:
                    taken[each] = held.grant
        except AzureMLError:
            self._end(taken)
            raise
        return taken

    def _seconds(self) -> float:
        deadline = self.task.deadline(self._context)
        left = DAY if deadline is None else deadline - time.time() + AFTERWARDS
        return min(max(left, SHORTEST), LONGEST)

    def _wait(self, grants: Sequence[Grant]) -> Mapping[str, Any]:
        minimum = minimum_wait()
        first = min(FIRST, max(minimum / 24, 0.2))
        wait = Wait.of(self.broker.hook, grants, "", minimum, time.time() + LONGEST_WAIT, first)
        if self.task.deferrable:
            self.task.defer(trigger=wait.trigger(), method_name="resume_granted")
        event = wait.watch(self.task)
        _require_ended(event)
        return event

    def give_back(self) -> None:
        """End all leases of this try. What cannot be given back, the reaper ends."""
        try:
            self._end(candidates(verifier(self.task).judge(self.task.compiled)))
        except AzureMLError as error:
            self.task.log.error("What was granted could not be given back; its time ends it: %s", error)

    def _end(self, grants: Iterable[Grant]) -> None:
        MEMORY.clear()  # what it knew to be granted is so no longer
        for each in grants:
            try:
                self.broker.give_back(each, self.holder, self.token)
            except AzureMLError as error:
                self.task.log.error("%s could not be given back; its time ends it: %s", each, error)


def minimum_wait() -> float:
    """Seconds that pass before a grant counts as working: `[azureml] grant_wait`. Raises ConfigurationError."""
    given = configured("azureml", "grant_wait") or str(MINIMUM_WAIT)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= LONGEST_WAIT:
        mend = f"Set seconds, between 0 and {LONGEST_WAIT:g}."
        raise ConfigurationError("[azureml] grant_wait", f"'{given}' does not fit.", mend)
    return seconds


def _require_ended(event: Mapping[str, Any]) -> None:
    if why := why_not(event):
        raise AzureMLError(f"What was granted does not work: {why}. It is given back; try again.")


def grant_of(wanted: Wanted) -> Grant | None:
    """The grant that would give a run identity what it needs; None for what no broker is to give."""
    role = ROLES.get(wanted.role)
    is_known = wanted.principal and wanted.need.scope and not (wanted.secret or wanted.doubt)
    if wanted.who == SUBMITTER or role is None or not role.is_built_in or not is_known:
        return None
    return Grant(wanted.principal, role.guid, wanted.need.scope, role_name=role.name)


def candidates(judged: Iterable[Judged]) -> list[Grant]:
    """All grants that may have been leased for a job."""
    return list(dict.fromkeys(filter(None, (grant_of(each.wanted) for each in judged))))


def shared(judged: Iterable[Judged]) -> Iterator[Grant]:
    """Grants that are there for a while, for another run or an earlier try: they get a lease of ours, too."""
    for each in judged:
        grant = grant_of(each.wanted)
        name = each.decision.by.rpartition("/")[2].lower()
        if grant and name and name in _names(grant):
            yield grant


def _names(grant: Grant) -> set[str]:
    first = Grant(grant.principal_id, grant.role, grant.scope, generation=GENERATIONS)
    return {each.name for each in first.generations}


@contextmanager
def lent(task: AzureMLRunJobOperator, context: Mapping[str, Any]) -> Iterator[None]:
    """Give back what was leased when the job of the block has ended, however. A wait goes on with it."""
    if not task.wait_for_completion:
        problem = "'grant' ends with the job, which this task does not wait for."
        raise ConfigurationError("access", problem, "Set wait_for_completion, or use a setup and a teardown.")
    lender = Lender(task, context)
    try:
        yield
    except TaskDeferred:
        raise
    except BaseException as error:
        if _may_be_too_early(error, context["ti"]):
            task.log.warning("The grant may not have arrived yet: it stays for the next try.")
        else:
            lender.give_back()
        raise
    lender.give_back()


def _may_be_too_early(error: BaseException, ti: Any) -> bool:
    """Whether a next try may find what Azure had not noticed yet."""
    return bool(_YOUNG.search(str(error))) and ti.try_number <= (getattr(ti, "max_tries", 0) or 0)
