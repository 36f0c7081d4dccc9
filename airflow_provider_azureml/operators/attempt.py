# SPDX-License-Identifier: Apache-2.0
"""Who asks, and which jobs earlier tries left: the records that `resolve` decides on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, NotFoundError, ServiceError
from airflow_provider_azureml.hooks.deployment import deployment_id
from airflow_provider_azureml.naming import DEPLOYMENT, OWNER, attempt_name, job_base
from airflow_provider_azureml.operators.resolve import Attempt, Me
from airflow_provider_azureml.rest import intent, run_history
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.timestamp import moment
from airflow_provider_azureml.rest.workspace import Workspace

TRY, EPOCH, BEGAN = "airflow.try", "airflow.epoch", "airflow.began"
FINGERPRINT = "airflow.fingerprint"
WINDOW = run_history.BATCH


@dataclass(frozen=True)
class Claim:
    """One try of one task instance, and the names that its jobs may have."""

    base: str
    me: Me
    marks: Mapping[str, str]

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
        marks["airflow.map_index"] = str(ti.map_index)
        return cls(base, me, marks | {f"airflow.{name}": value for name, value in place.items()})

    def name(self, number: int) -> str:
        """The name of the n-th attempt."""
        return attempt_name(self.base, number)

    @property
    def fence(self) -> dict[str, str]:
        """What goes where no later PUT can change it: a zombie's PUT is then refused, not obeyed."""
        return {TRY: str(self.me.try_number), EPOCH: str(self.me.epoch), BEGAN: self.me.began.isoformat()}


def attempt_of(job: Job, claim: Claim, number: int) -> Attempt:
    """The attempt that a job is.

    :raises ConfigurationError: the job has our name and is somebody else's.
    """
    marks = job.properties
    if marks.get(OWNER) != claim.base or not marks.get(TRY, "").isdigit():
        mend = "Choose another [azureml] deployment_id, or rename or delete that job."
        raise ConfigurationError(f"job '{job.name}'", "exists, and this task did not submit it.", mend)
    return Attempt(
        number=number,
        status=job.status,
        try_number=int(marks[TRY]),
        epoch=int(marks.get(EPOCH, "-1")),
        created=_created(job),
        fingerprint=marks.get(FINGERPRINT, ""),
        cancel_intent=intent.has_cancel_intent(job),
    )


def _created(job: Job) -> datetime:
    """When the job was made, by Azure's clock; when its try began, where Azure does not say."""
    told = moment(job.created_at) or moment(job.properties.get(BEGAN, ""))
    return told or datetime.fromtimestamp(0, timezone.utc)


def highest(workspace: Workspace, claim: Claim) -> Flow[tuple[int, Job] | None]:
    """The highest existing attempt, past gaps: all candidates of a window in one request."""
    found = None
    start = 0
    while True:
        number = yield from _highest_in(workspace, claim, range(start, start + WINDOW))
        if number is None:
            break
        found = number
        start += WINDOW
    if found is None:
        return None
    return found, (yield from job_flows.get(workspace, claim.name(found)))


def _highest_in(workspace: Workspace, claim: Claim, numbers: range) -> Flow[int | None]:
    names = {claim.name(number): number for number in numbers}
    try:
        answers = yield from run_history.status_batch(workspace, names)
    except ServiceError:
        existing = yield from _listed(workspace, claim)
    else:
        existing = {name for name, answer in answers.items() if not isinstance(answer, NotFoundError)}
        _refuse_unknown(answers)
    return max((names[name] for name in existing if name in names), default=None)


def _refuse_unknown(answers: Mapping[str, str | ServiceError]) -> None:
    """An attempt whose existence is not known may not be passed over: it could be running."""
    for answer in answers.values():
        if isinstance(answer, AzureMLError) and not isinstance(answer, NotFoundError):
            raise answer


def _listed(workspace: Workspace, claim: Claim) -> Flow[set[str]]:
    """The documented way, for where the batch endpoint is closed: ARM's list by property."""
    jobs = yield from job_flows.list_by_property(workspace, OWNER, claim.base)
    return {job.name for job in jobs}
