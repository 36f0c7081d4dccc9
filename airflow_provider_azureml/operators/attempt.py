# SPDX-License-Identifier: Apache-2.0
"""Who asks, and which jobs earlier tries left: the records that `resolve` decides on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    NotFoundError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.naming import DEPLOYMENT, OWNER, attempt_name, job_base
from airflow_provider_azureml.operators.resolve import Attempt, Me
from airflow_provider_azureml.rest import intent, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.intent import TRY
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.timestamp import moment
from airflow_provider_azureml.rest.workspace import Workspace

EPOCH, BEGAN = "airflow.epoch", "airflow.began"
FINGERPRINT = "airflow.fingerprint"
RUN_BEGAN = "airflow.run_began"
"""Property: how often the DAG run had been cleared, and when it began. A deleted run leaves both behind."""
WINDOW = run_history.BATCH


@dataclass(frozen=True)
class Claim:
    """One try of one task instance, and the names that its jobs may have."""

    base: str
    me: Me
    marks: Mapping[str, str]
    wished_cancel: str = ""
    """Name of the attempt that an earlier try wanted cancelled, where that is not on the job."""
    first_try: int = 0
    """The first try of this epoch by the formula of Airflow's clear, `max_tries = try_number + retries`."""

    @classmethod
    def of(cls, context: Mapping[str, Any], fingerprint: str = "") -> Claim:
        """Read the claim from a task's context.

        :param fingerprint: of the job definition, where there is one at hand.
        :raises ConfigurationError: `[azureml] deployment_id` is not set.
        """
        ti = context["ti"]
        place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        base = job_base(deployment_id(), map_index=ti.map_index, **place)
        began = ti.start_date or datetime.now(timezone.utc)
        me = Me(ti.try_number, ti.max_tries or 0, began, fingerprint)
        marks = {OWNER: base, FINGERPRINT: fingerprint, DEPLOYMENT: deployment_id()}
        marks |= {"airflow.map_index": str(ti.map_index), RUN_BEGAN: _run_began(context)}
        marks |= {f"airflow.{name}": value for name, value in place.items()}
        retries = getattr(context.get("task"), "retries", None)
        return cls(base, me, marks, first_try=0 if retries is None else me.epoch - retries + 1)

    def name(self, number: int) -> str:
        """The name of the n-th attempt."""
        return attempt_name(self.base, number)

    @property
    def fence(self) -> dict[str, str]:
        """What goes where no later PUT can change it: a zombie's PUT is then refused, not obeyed."""
        return {TRY: str(self.me.try_number), EPOCH: str(self.me.epoch), BEGAN: self.me.began.isoformat()}


def _run_began(context: Mapping[str, Any]) -> str:
    """The mark of a DAG run, empty when it is not known."""
    run = context.get("dag_run")
    began = getattr(run, "start_date", None)
    return f"{getattr(run, 'clear_number', 0) or 0} {began.isoformat()}" if began else ""


def is_of_another_run(mark: str, own: str) -> bool:
    """Whether a job was submitted by another run of the same id.

    A run that is cleared begins anew, and counts it. A run that was deleted and made again has not been
    cleared more often than the one before.
    """
    clears, _, began = mark.partition(" ")
    own_clears, _, own_began = own.partition(" ")
    if not (clears.isdigit() and own_clears.isdigit()):
        return False
    return began != own_began if clears == own_clears else int(clears) > int(own_clears)


def is_of_an_earlier_request(marks: Mapping[str, str], claim: Claim) -> bool:
    """Whether a person has cleared the task since, though the epoch is the same again.

    That is so after an edit of `retries`: 3 retries, cleared after the first try with 2 left, are 3 again.
    The formula alone errs when `retries` was edited between two tries, the run's count of clears when
    another task of it was cleared.
    """
    clears, own = (mark.partition(" ")[0] for mark in (marks.get(RUN_BEGAN, ""), claim.marks[RUN_BEGAN]))
    was_cleared = clears.isdigit() and own.isdigit() and int(clears) < int(own)
    return was_cleared and int(marks[TRY]) < claim.first_try


def is_marked(job: Job, claim: Claim) -> bool:
    """Whether a job bears the marks of this task instance."""
    return job.properties.get(OWNER) == claim.base and job.properties.get(TRY, "").isdigit()


def attempt_of(job: Job, claim: Claim, number: int) -> Attempt:
    """The attempt that a job is.

    :raises ConfigurationError: the job has our name and is somebody else's.
    """
    marks = job.properties
    if not is_marked(job, claim):
        mend = "Choose another [azureml] deployment_id, or rename or delete that job."
        raise ConfigurationError(f"job '{job.name}'", "exists, and this task did not submit it.", mend)
    return Attempt(
        number=number,
        status=job.status,
        try_number=int(marks[TRY]),
        epoch=-1 if is_of_an_earlier_request(marks, claim) else int(marks.get(EPOCH, "-1")),
        created=_created(job),
        fingerprint=marks.get(FINGERPRINT, ""),
        cancel_intent=intent.has_cancel_intent(job) or job.name == claim.wished_cancel,
        is_mine={name: marks.get(name) for name in claim.fence} == claim.fence,
        is_of_another_run=is_of_another_run(marks.get(RUN_BEGAN, ""), claim.marks[RUN_BEGAN]),
    )


def _created(job: Job) -> datetime:
    """When the job was made, by Azure's clock; when its try began, where Azure does not say."""
    told = moment(job.created_at) or moment(job.properties.get(BEGAN, ""))
    return told or datetime.fromtimestamp(0, timezone.utc)


def highest(
    workspace: Workspace, claim: Claim, known: int = -1, suffices: Callable[[int, Job], bool] | None = None
) -> Flow[tuple[int, Job | None] | None]:
    """The highest existing attempt, past gaps: all candidates of a window in one request.

    :param known: an attempt that exists for certain, though run history may not know it yet.
    :param suffices: whether the job as run history shows it is enough; otherwise ARM is asked for it.

    The job is None when it was deleted after it had ended: run history remembers what ARM forgot.
    Raises UnreachableError when ARM does not know a job that run history says is going on.
    """
    number, seen = yield from _seen_highest(workspace, claim)
    if known > number:
        number, seen = known, None
    if number < 0:
        return None
    if seen is not None and is_marked(seen, claim) and suffices and suffices(number, seen):
        return number, seen
    try:
        return number, (yield from job_flows.get(workspace, claim.name(number)))
    except NotFoundError as error:
        if seen is not None and seen.is_terminal:
            return number, None
        text = f"run history says that this job is {seen.status if seen else 'there'}, but: {error.message}"
        raise UnreachableError(404, "NotYetKnown", text, error.request_id, error.operation) from error


def _seen_highest(workspace: Workspace, claim: Claim) -> Flow[tuple[int, Job | None]]:
    found: tuple[int, Job | None] = (-1, None)
    start = 0
    while True:
        seen = yield from _highest_in(workspace, claim, range(start, start + WINDOW))
        start += WINDOW
        found = found if seen is None else seen
        # The names above it, which do not exist, were asked for, too: no gap is that wide.
        if seen is None or seen[0] < start - WINDOW // 2:
            return found


def _highest_in(workspace: Workspace, claim: Claim, numbers: range) -> Flow[tuple[int, Job] | None]:
    """The number of the highest attempt of a window, and the job as far as it is told."""
    names = {claim.name(number): number for number in numbers}
    try:
        answers = yield from run_history.job_batch(workspace, names)
    except ServiceError:
        jobs = yield from job_flows.list_by_property(workspace, OWNER, claim.base)  # the documented way
    else:
        _refuse_unknown(answers)
        jobs = [job for job in answers.values() if isinstance(job, Job)]
    existing = [(names[job.name], job) for job in jobs if job.name in names]
    return max(existing, key=lambda each: each[0], default=None)


def _refuse_unknown(answers: Mapping[str, Job | ServiceError]) -> None:
    """An attempt whose existence is not known may not be passed over: it could be running."""
    for answer in answers.values():
        if isinstance(answer, AzureMLError) and not isinstance(answer, NotFoundError):
            raise answer
