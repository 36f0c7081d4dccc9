# SPDX-License-Identifier: Apache-2.0
"""One pass of the reaper: jobs that no task answers for any more are cancelled (design D4).

Airflow calls nothing of ours when a DAG run is deleted while the triggerer is down, or when a task
is cleared and the triggerer dies before it notices: only a look from outside finds those jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from itertools import groupby, islice
from typing import Any

from airflow_provider_azureml.compat import TaskState
from airflow_provider_azureml.errors import AzureMLError, NotFoundError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.orphan import (
    Answer,
    Judgement,
    TaskKey,
    Unanswered,
    Verdict,
    judge,
    task_of,
)
from airflow_provider_azureml.naming import OWNER
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.living import Living, living

REASON = "reaped"
GRACE = 300.0
RUNS_PER_QUESTION = 50
"""Runs of one task that Airflow is asked for at once; their ids stand in one address."""
Ask = Callable[[str, str, Sequence[str]], dict[tuple[str, int], TaskState]]


@dataclass(frozen=True)
class Seen:
    """One living job, and what becomes of it.

    :param task_state: Airflow's word, for a person.
    :param outcome: what came of a cancel; empty when none was tried.
    """

    name: str
    status: str
    task: str
    task_state: str
    verdict: Verdict
    reason: str
    outcome: str = ""

    def line(self) -> str:
        """One line for a person."""
        done = f" -> {self.outcome}" if self.outcome else ""
        about = f"{self.name}  {self.status}  {self.task or '-'}  {self.task_state}"
        return f"{self.verdict.value.upper():<7}  {about}  {self.reason}{done}"


@dataclass
class Tally:
    """What a pass came to: the task's result.

    :param checked: living jobs of this deployment.
    :param due: those that nobody answers for.
    :param cancelled: those of them that Azure was asked to cancel (none in a dry run).
    :param ended: those of them that had ended by the time of the cancel.
    :param failed: those of them that Azure did not accept the cancel of.
    :param left: those that have a task, or are none of our business.
    :param unknown: those about which Airflow did not answer; they are left, too.
    """

    checked: int = 0
    due: int = 0
    cancelled: int = 0
    ended: int = 0
    failed: int = 0
    left: int = 0
    unknown: int = 0

    def count(self, seen: Seen) -> None:
        """Take in one job."""
        self.checked += 1
        self.due += seen.verdict is Verdict.CANCEL
        self.left += seen.verdict is Verdict.LEAVE
        self.unknown += seen.verdict is Verdict.UNKNOWN
        self.cancelled += seen.outcome == CANCELLED
        self.ended += seen.outcome == ENDED
        self.failed += seen.outcome.startswith(FAILED)

    def to_dict(self) -> dict[str, int]:
        """The record as JSON values."""
        return asdict(self)

    def sentence(self) -> str:
        """The record for a person."""
        left = f"{self.left} left, {self.unknown} unknown and left"
        done = f"{self.cancelled} cancelled, {self.ended} ended, {self.failed} failed to be cancelled"
        return f"{self.checked} living jobs: {self.due} without a task ({done}), {left}."


CANCELLED, ENDED, FAILED = "cancelled", "it has ended meanwhile", "not cancelled: "


@dataclass
class Reaper:
    """Looks at all living jobs of one deployment in one workspace.

    :param hook: the connection to look and to cancel with.
    :param deployment: `[azureml] deployment_id`; jobs of others are not even listed.
    :param ask: how to ask Airflow for the states of a task in some runs; raises AzureMLError.
    :param acts: whether to cancel; False only says what would be done.
    :param grace: seconds for which nothing is done about a new job, or one whose task just ended.
    """

    hook: AzureMLHook
    deployment: str
    ask: Ask
    acts: bool = False
    grace: float = GRACE
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Iterator[Seen]:
        """One pass; the tally is whole once it is used up. Raises AzureMLError when Azure gives no list."""
        found: Living = self.hook.run(living(self.hook.workspace, self.deployment))
        keys = {job.name: task_of(job, self.deployment) for job in found.jobs}
        answers = self._answers([key for key in keys.values() if key])
        now = datetime.fromtimestamp(time.time(), timezone.utc)
        for job in found.jobs:
            key = keys[job.name]
            answer = answers[key] if key else None
            highest = found.highest[job.properties.get(OWNER, "")]
            seen = self._treat(job, key, answer, judge(job, key, answer, highest, now, self.grace))
            self.tally.count(seen)
            yield seen

    def _answers(self, keys: list[TaskKey]) -> dict[TaskKey, Answer]:
        answers: dict[TaskKey, Answer] = {}

        def task(key: TaskKey) -> tuple[str, str]:
            return key.dag_id, key.task_id

        for (dag_id, task_id), group in groupby(sorted(keys, key=task), task):
            members = list(group)
            runs = iter(sorted({key.run_id for key in members}))
            while chunk := list(islice(runs, RUNS_PER_QUESTION)):
                asked = [key for key in members if key.run_id in chunk]
                answers.update(self._asked(dag_id, task_id, chunk, asked))
        return answers

    def _asked(
        self, dag_id: str, task_id: str, runs: list[str], keys: list[TaskKey]
    ) -> dict[TaskKey, Answer]:
        try:
            states = self.ask(dag_id, task_id, runs)
        except AzureMLError as error:
            return dict.fromkeys(keys, Unanswered(str(error)))
        return {key: states.get((key.run_id, key.map_index)) for key in keys}

    def _treat(self, job: Job, key: TaskKey | None, answer: Answer, judged: Judgement) -> Seen:
        is_due = judged.verdict is Verdict.CANCEL
        outcome = self._cancel(job.name, job.properties[OWNER]) if is_due and self.acts else ""
        state = "" if key is None else _state(answer)
        return Seen(job.name, job.status, str(key or ""), state, judged.verdict, judged.reason, outcome)

    def _cancel(self, name: str, owner: str) -> str:
        """Cancel, provided that it still lives and is the owner's; returns what came of it."""

        def allowed(job: Job) -> bool:
            return intent.may_cancel(job, owner)

        try:
            ending = self.hook.run(intent.end(self.hook.workspace, name, REASON, allowed))
        except NotFoundError:  # it was in the list a moment ago: only a job that has ended can be deleted
            return ENDED
        except AzureMLError as error:
            return f"{FAILED}{error}"
        if ending.untraced:
            problem = "Job %s could not be marked as cancelled by Airflow: %s"
            self.hook.log.warning(problem, name, ending.untraced)
        return CANCELLED if ending.asked else ENDED


def _state(answer: Answer) -> str:
    if answer is None:
        return "(no such task instance)"
    if isinstance(answer, Unanswered):
        return "(not to be had)"
    return answer.state or "(no state)"


def to_json(tally: Tally, acts: bool) -> dict[str, Any]:
    """The result record of a pass."""
    return {"dry_run": not acts, **tally.to_dict()}
