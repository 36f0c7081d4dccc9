# SPDX-License-Identifier: Apache-2.0
"""Exactly once: what a try of a task does about the jobs that earlier tries left (design D2).

Pure: the whole rule is one function over records, and its table is its test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_provider_azureml.rest.job import CANCEL_REQUESTED, CANCELED, COMPLETED, is_terminal


@dataclass(frozen=True)
class Attempt:
    """The highest existing job of this task instance, as far as the rule looks at it.

    :param number: n of its name.
    :param status: Azure's word.
    :param try_number: the try that submitted it.
    :param epoch: the raw `max_tries` of the task instance at that time; a clear rewrites it.
    :param created: when Azure made it.
    :param fingerprint: of its body.
    :param cancel_intent: whether one of our own wanted it cancelled and left word of that.
    :param is_mine: whether this very try submitted it: the answer to its PUT was lost.
    :param is_of_another_run: whether it belongs to a run of the same id that was deleted, or made since.
    """

    number: int
    status: str
    try_number: int
    epoch: int
    created: datetime
    fingerprint: str = ""
    cancel_intent: bool = False
    is_mine: bool = False
    is_of_another_run: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return is_terminal(self.status)


@dataclass(frozen=True)
class Me:
    """The try that asks. `began` is when this try of the task began."""

    try_number: int
    epoch: int
    began: datetime
    fingerprint: str = ""


@dataclass(frozen=True)
class Submit:
    """PUT attempt `number`."""

    number: int


@dataclass(frozen=True)
class Attach:
    """Watch the existing job as if it had been submitted now. `warning` as in Adopt."""

    number: int
    warning: str = ""


@dataclass(frozen=True)
class Adopt:
    """The existing job's end is this task's end. `warning` is empty when there is nothing to say."""

    number: int
    warning: str = ""


@dataclass(frozen=True)
class CancelThenSubmit:
    """Cancel the existing job, wait until it ended, then PUT the next."""

    number: int
    next_number: int


@dataclass(frozen=True)
class Wait:
    """Wait until the existing job ended (somebody is cancelling it), then PUT the next."""

    number: int
    next_number: int


@dataclass(frozen=True)
class Zombie:
    """A newer try of this task owns the job: end with an error and touch nothing."""

    number: int


Decision = Submit | Attach | Adopt | CancelThenSubmit | Wait | Zombie

OTHER_BODY = (
    "The job definition changed since this job was submitted; its result is taken all the same. "
    "Clear the task to run the new definition."
)
OTHER_BODY_RUNS = (
    "The job definition changed since this job was submitted; it runs on with the old one, and is watched. "
    "Clear the task to cancel it and to run the new definition."
)


def resolve(highest: Attempt | None, me: Me, settled: int = -1) -> Decision:
    """Answer what to do.

    :param highest: the highest existing attempt, past gaps; None when there is none.
    :param settled: the highest attempt that this very try has already waited for, after an answer
        Wait or CancelThenSubmit: once it ended, however it ended, the next one follows.
    """
    if highest is None:
        return Submit(0)
    following = highest.number + 1
    if highest.number <= settled and highest.has_ended:
        return Submit(following)
    is_foreign = highest.is_of_another_run or (highest.try_number >= me.try_number and not highest.is_mine)
    if is_foreign and highest.created > me.began:
        return Zombie(highest.number)
    if highest.status == CANCEL_REQUESTED or (highest.cancel_intent and not highest.has_ended):
        return Wait(highest.number, following)
    is_current = highest.epoch == me.epoch and not is_foreign
    if is_current:
        return _of_this_epoch(highest, me)
    return Submit(following) if highest.has_ended else CancelThenSubmit(highest.number, following)


def _of_this_epoch(highest: Attempt, me: Me) -> Decision:
    """This is a retry of the same request."""
    is_same_body = not me.fingerprint or highest.fingerprint == me.fingerprint
    if not highest.has_ended:
        return Attach(highest.number, "" if is_same_body else OTHER_BODY_RUNS)
    if highest.status == COMPLETED:
        return Adopt(highest.number, "" if is_same_body else OTHER_BODY)
    cancelled_by_another = highest.status == CANCELED and not highest.cancel_intent
    return Adopt(highest.number) if cancelled_by_another else Submit(highest.number + 1)
