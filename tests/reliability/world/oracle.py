# SPDX-License-Identifier: Apache-2.0
"""What may never happen, read from the sandbox's ledger, beside what Airflow's model knows of the task.

Nothing is believed that the product says about itself but one thing: the marks that tell whose a job is.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field

from azure_sandbox.kernel.ledger import Effect
from tests.reliability.world.airflow_model import FINISHED, Change, TaskInstance
from tests.reliability.world.triggerer import Triggerer
from tests.reliability.world.worker import Worker
from tests.reliability.world.world import World

Key = tuple[str, str, str, int]
MARKS = ("airflow.dag_id", "airflow.run_id", "airflow.task_id", "airflow.map_index")
ALIVE = ("scheduled", "queued", "running", "deferred", "up_for_retry")


@dataclass
class Job:
    """A job's life, from the ledger. Moments are the engine's."""

    name: str
    key: Key
    created: float
    ended: float = math.inf
    status: str = ""
    cancels: list[Effect] = field(default_factory=list)


def jobs(world: World) -> list[Job]:
    """All jobs of the run, in the order of their submission, without the steps of pipelines."""
    found: dict[str, Job] = {}
    for row in world.azure.ledger():
        name, moment = row.subject.rpartition("/")[2], row.time - world.engine.epoch
        if row.effect == "created" and row.after and not row.after["parent"]:
            found[name] = Job(name, _key(row.after["properties"]), moment)
        elif name in found and row.effect == "ended" and row.after:
            found[name].ended, found[name].status = moment, row.after["status"]
        elif name in found and row.effect == "cancel-requested":
            found[name].cancels.append(row)
    return list(found.values())


def _key(properties: dict[str, str]) -> Key:
    dag_id, run_id, task_id, map_index = (properties.get(mark, "") for mark in MARKS)
    return dag_id, run_id, task_id, int(map_index)


@dataclass
class Verdict:
    """What was found, by kind; all lists are empty when all is well."""

    duplicate: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    green_without_run: list[str] = field(default_factory=list)
    red_beside_run: list[str] = field(default_factory=list)
    foreign_cancel: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join(f"{kind}: {found}" for kind, found in vars(self).items() if found)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not any(vars(self).values())


def judge(world: World, *, at_rest: bool = True) -> Verdict:
    """Look at everything that happened in a world.

    :param at_rest: nothing more will happen, so that what still runs has been lost.
    """
    verdict = Verdict()
    by_key: defaultdict[Key, list[Job]] = defaultdict(list)
    for job in jobs(world):
        by_key[job.key].append(job)
    for ti in world.airflow.runs:
        own = [job for job in by_key[ti.key] if job.created >= ti.history[0].moment]
        _judge_ends(verdict, ti, own, at_rest)
        for job in own:
            verdict.foreign_cancel += _foreign_cancels(world, ti, job)
    for key, found in by_key.items():
        instances = [ti for ti in world.airflow.runs if ti.key == key]
        verdict.duplicate += _duplicates(found, instances)
    return verdict


def at(ti: TaskInstance, moment: float) -> Change:
    """The task instance as it was at a moment."""
    return next((c for c in reversed(ti.history) if c.moment <= moment), ti.history[0])


def _duplicates(found: list[Job], instances: list[TaskInstance]) -> list[str]:
    """Jobs that ran beside another of the same task, or again after one that had completed."""
    problems = []
    for index, earlier in enumerate(found):
        for later in found[index + 1 :]:
            if later.created < earlier.ended:
                problems.append(f"{later.name} beside {earlier.name}")
            elif earlier.status == "Completed" and _same_request(earlier, later, instances):
                problems.append(f"{later.name} again after {earlier.name}")
    return problems


def _same_request(earlier: Job, later: Job, instances: list[TaskInstance]) -> bool:
    """Whether neither a clear nor a new run lies between two jobs."""

    def request(job: Job) -> tuple[int, int]:
        ti = next(t for t in reversed(instances) if t.history[0].moment <= job.created)
        return id(ti), at(ti, job.created).epoch

    return request(earlier) == request(later)


def _judge_ends(verdict: Verdict, ti: TaskInstance, own: list[Job], at_rest: bool) -> None:
    for change in ti.history:
        if change.state == "success" and change.result is not None:
            _judge_success(verdict, ti, own, change)
    last = ti.history[-1]
    completed = _completed(ti, own, last)
    if ti.state == "failed" and not ti.marked and completed:
        verdict.red_beside_run.append(f"{ti.key} failed beside {completed}")
    # The job of a task that does not wait is meant to outlive it; what was cancelled will end.
    if at_rest and ti.state in FINISHED and ti.task.waits:
        verdict.lost += [job.name for job in own if job.ended == math.inf and not job.cancels]


def _judge_success(verdict: Verdict, ti: TaskInstance, own: list[Job], change: Change) -> None:
    current = [job.name for job in own if at(ti, job.created).epoch == change.epoch]
    answers = _completed(ti, own, change) if ti.task.waits else current
    if not answers:
        verdict.green_without_run.append(f"{ti.key} at {change.moment:.1f}")
    elif change.result["name"] not in answers:
        verdict.stale.append(f"{ti.key} took {change.result['name']}")


def _completed(ti: TaskInstance, own: list[Job], change: Change) -> list[str]:
    """The jobs of the same request that had completed by then."""
    return [
        job.name
        for job in own
        if at(ti, job.created).epoch == change.epoch
        and job.status == "Completed"
        and job.ended <= change.moment
    ]


def _foreign_cancels(world: World, ti: TaskInstance, job: Job) -> list[str]:
    problems = []
    for row in job.cancels:
        sender = world.senders.get(row.request_id)
        if sender is None:  # a person
            continue
        now = at(ti, row.time - world.engine.epoch)
        tried = _try_of(world, sender.owner, job)
        is_same_request = now.epoch == at(ti, job.created).epoch and now.state in ALIVE
        is_taken = tried < now.try_number and (sender.owner is None or _has_begun(ti, now))
        moved = isinstance(sender.owner, Triggerer) and now.state == "deferred" and tried == now.try_number
        if is_same_request and (is_taken or (moved and not _is_late(world, job, row))):
            problems.append(f"{job.name} by {sender.name} of try {tried}, while {now}")
    return problems


def _has_begun(ti: TaskInstance, now: Change) -> bool:
    """Whether the newest try is at work: before it is, nobody answers for the job of the one before."""
    same = [each for each in ti.history if each.try_number == now.try_number and each.moment <= now.moment]
    return any(each.state == "running" for each in same)


def _try_of(world: World, owner: object, job: Job) -> int:
    """The try that a process works for, as far as this job goes."""
    if isinstance(owner, Worker):
        return owner.try_number
    rows = [row for row in world.airflow.all_triggers if json.loads(row.kwargs).get("job_name") == job.name]
    return max((row.try_number for row in rows if owner in row.triggerers), default=0)


def _is_late(world: World, job: Job, row: Effect) -> bool:
    """Whether the trigger's own deadline had passed."""
    rows = [json.loads(row.kwargs) for row in world.airflow.all_triggers]
    deadlines = [each["deadline"] for each in rows if each.get("job_name") == job.name]
    return any(deadline is not None and deadline <= row.time for deadline in deadlines)
