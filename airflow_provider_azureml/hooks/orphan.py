# SPDX-License-Identifier: Apache-2.0
"""Whether a living job still has a task that answers for it (design D4: the reaper).

Pure: the whole rule is one function over records, and its table is its test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from airflow_provider_azureml.compat import TaskState
from airflow_provider_azureml.naming import DEPLOYMENT, DETACHED, OWNER, job_base
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import CANCEL_REQUESTED, Job
from airflow_provider_azureml.rest.living import attempt_number
from airflow_provider_azureml.rest.timestamp import moment

END_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task instance in which nothing of it runs, and nothing of it will run by itself."""


class Verdict(str, Enum):
    """What becomes of a job."""

    CANCEL = "cancel"
    LEAVE = "leave"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TaskKey:
    """A task instance, by the marks on its job."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def __str__(self) -> str:
        index = "" if self.map_index < 0 else f"[{self.map_index}]"
        return f"{self.dag_id} / {self.run_id} / {self.task_id}{index}"


@dataclass(frozen=True)
class Unanswered:
    """Airflow did not say which state a task instance is in, and why not."""

    problem: str


@dataclass(frozen=True)
class Judgement:
    """The verdict on one job, and the reason for a person."""

    verdict: Verdict
    reason: str


Answer = TaskState | Unanswered | None
"""What Airflow says about a task instance; None: there is no such task instance (any more)."""


def task_of(job: Job, deployment: str) -> TaskKey | None:
    """The task instance that a job belongs to; None when its marks do not make sense together.

    The owner marker is derived from the other marks: a job whose marks were edited is nobody's.
    """
    marks = job.properties
    index = marks.get("airflow.map_index", "")
    if not index.removeprefix("-").isdecimal() or marks.get(DEPLOYMENT) != deployment:
        return None
    dag_id, run_id, task_id = (marks.get(f"airflow.{name}", "") for name in ("dag_id", "run_id", "task_id"))
    key = TaskKey(dag_id, run_id, task_id, int(index))
    base = job_base(deployment, key.dag_id, key.run_id, key.task_id, key.map_index)
    is_attempt = all((dag_id, run_id, task_id)) and marks.get(OWNER) == base and attempt_number(job) >= 0
    return key if is_attempt else None


def judge(
    job: Job, key: TaskKey | None, answer: Answer, highest: int, now: datetime, grace: float
) -> Judgement:
    """Decide on one job that has not ended.

    :param key: its task instance, None when its marks do not match.
    :param answer: what Airflow says about that.
    :param highest: number of the latest attempt of the same task instance.
    :param grace: seconds for which nothing is done about a new job, and about one whose task just ended.
    """
    if key is None:
        return _leave("its marks do not match: it is not ours to cancel")
    if job.status == CANCEL_REQUESTED:
        return _leave("it is being cancelled already")
    began = moment(job.created_at) or moment(job.properties.get("airflow.began", ""))
    if began is None:
        return Judgement(Verdict.UNKNOWN, "nobody says when it was made")
    if (now - began).total_seconds() < grace:
        return _leave(f"it is younger than {grace:g} s")
    if job.tags.get(CANCEL_TAG):
        return _cancel(f"its end was asked for ({job.tags[CANCEL_TAG]}), and it goes on")
    if job.properties.get(DETACHED) == "true":
        return _leave("it may outlive its task")
    return _by_task(answer, attempt_number(job), highest, now, grace)


def _by_task(answer: Answer, number: int, highest: int, now: datetime, grace: float) -> Judgement:
    if isinstance(answer, Unanswered):
        return Judgement(Verdict.UNKNOWN, answer.problem)
    if answer is None:
        return _cancel("its task instance does not exist any more")
    if answer.state in END_STATES:
        if answer.ended is not None and (now - answer.ended).total_seconds() < grace:
            return _leave(f"its task ended less than {grace:g} s ago")
        return _cancel(f"its task is {answer.state}")
    if number < highest:
        return _cancel(f"attempt {highest} of its task has taken its place")
    return _leave(f"its task is {answer.state or 'about to start'}")


def _cancel(reason: str) -> Judgement:
    return Judgement(Verdict.CANCEL, reason)


def _leave(reason: str) -> Judgement:
    return Judgement(Verdict.LEAVE, reason)
