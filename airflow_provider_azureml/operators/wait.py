# SPDX-License-Identifier: Apache-2.0
"""Waiting in a worker, and cancelling from one."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azureml.errors import ServiceError, UnreachableError, said
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.rest import intent
from airflow_provider_azureml.rest import job as job_flows
from airflow_provider_azureml.rest.flow import within
from airflow_provider_azureml.rest.intent import may_cancel
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.rest.retry import Retry
from airflow_provider_azureml.triggers.base import REAP
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from airflow_provider_azureml.triggers.log import LogTail
from airflow_provider_azureml.triggers.poll import Patience, Round, look, remaining

if TYPE_CHECKING:
    from airflow_provider_azureml.audit.recorder import Tell
    from airflow_provider_azureml.operators.base import AzureMLBaseOperator

AT_MOST = 3.8
"""Seconds for which the handler of SIGTERM waits for a cancel: Airflow sends SIGKILL after five."""
ONCE = Retry(total=0.0, answers=1, silences=1)
TWICE = Retry(total=1.5, answers=2, silences=2, first=0.1, cap=0.2, longest=0.5)
A_LOOK = {"connection_timeout": 0.7, "read_timeout": 0.7}
A_CANCEL = {"connection_timeout": 1.1, "read_timeout": 1.1}
"""Seconds: a look, a mark and two cancels fit into the time above, even when none is answered."""
A_ROUND = 60.0
"""Seconds for which one look insists on an answer."""
SLICE = 0.5
"""Seconds that a waiting worker sleeps at a time, so that SIGTERM is noticed at once."""


def watch(task: AzureMLBaseOperator, name: str, owner: str, deadline: float | None) -> dict[str, Any]:
    """The same wait as the trigger's, in this worker; returns the same event."""
    tail = LogTail(name) if task.stream_logs and owner else None
    patience = Patience(task.poll_interval)
    pause, status = patience.first(), ""

    def event(reason: str, error: str = "") -> dict[str, Any]:
        return {"name": name, "owner": owner, "reason": reason, "status": status, "error": error}

    while True:
        sleep(task, min(pause, max(remaining(deadline), 0.0)))
        if remaining(deadline) <= 0:
            problem = cancel(task.hook, name, owner, "deadline", task.try_number).problem
            return event(TIMEOUT, problem)
        try:
            seen, pause = _round(task, name, tail, patience, deadline)
        except ServiceError as error:  # the patience is spent
            return event(ERROR, str(error))
        status = _shown(task, name, seen, status)
        if seen.has_ended:
            return event(ENDED)


def _round(
    task: AzureMLBaseOperator, name: str, tail: LogTail | None, patience: Patience, deadline: float | None
) -> tuple[Round, float]:
    """One look, and the seconds until the next; raises ServiceError when there should be none."""
    try:
        # It may not insist past the deadline, and need not insist: there is another round.
        seen = task.hook.run(within(look(task.hook.workspace, name, tail), min(remaining(deadline), A_ROUND)))
    except ServiceError as error:
        pause = patience.after_error(error)
        task.log.warning("The state of job %s is not to be had just now: %s", name, error)
        return Round(""), pause
    return seen, patience.after_success()


def _shown(task: AzureMLBaseOperator, name: str, seen: Round, status: str) -> str:
    """Write what is new to the task's log, the end last; returns the status."""
    news = [] if seen.status in ("", status) else [f"Job {name} is {seen.status}"]
    for line in [*seen.lines, *news] if seen.has_ended else [*news, *seen.lines]:
        task.log.info("%s", line)
    return seen.status or status


def sleep(task: AzureMLBaseOperator, seconds: float) -> None:
    """Sleep in a worker; raises AzureMLError soon after SIGTERM."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        task.unless_killed()
        time.sleep(min(left, SLICE))
    task.unless_killed()


@dataclass(frozen=True)
class Cancelled:
    """What came of a cancel.

    :param problem: why the job may still run; empty when it does not.
    :param untraced: why no trace is on the cancelled job; a retry will take the cancel for a person's.
    """

    problem: str = ""
    untraced: str = ""


def cancel(hook: AzureMLHook, name: str, owner: str, reason: str, try_number: int | None = None) -> Cancelled:
    """Cancel a living job of ours, if it is in no newer try's hands, with all the patience there is."""

    def allowed(job: Job) -> bool:
        return may_cancel(job, owner, try_number)

    try:
        ending = hook.run(intent.end(hook.workspace, name, reason, allowed))
    except Exception as error:  # whatever it is, the caller has to leave the wish to cancel behind
        return _told(hook, name, reason, Cancelled(problem=said(error)))
    return _told(hook, name, reason, Cancelled(untraced=ending.untraced) if ending.asked else None)


def _told(hook: AzureMLHook, name: str, reason: str, outcome: Cancelled | None) -> Cancelled:
    """Say it in the task's log. None: there was nothing to cancel."""
    if outcome is None:
        return Cancelled()
    if outcome.problem:
        hook.log.error("Job %s could not be cancelled and may still run: %s. %s", name, outcome.problem, REAP)
        return outcome
    hook.log.info("Asked Azure to cancel job %s (%s)", name, reason)
    if outcome.untraced:
        hook.log.warning(
            "The cancelled job could not be marked as cancelled by Airflow: %s", outcome.untraced
        )
    return outcome


def cancel_at_once(hook: AzureMLHook, name: str, owner: str, try_number: int | None = None) -> Cancelled:
    """The same inside the handler of SIGTERM: whatever the network does, it returns within four seconds.

    In a thread, since nothing bounds the time that a sign-in or a name lookup takes; it goes on alone
    until Airflow's SIGKILL. It writes no log: the interrupted code may be holding the log's lock.
    """
    reason = "killed"
    ended: queue.SimpleQueue[Cancelled | BaseException | None] = queue.SimpleQueue()
    lines: list[tuple[int, str]] = []

    def later(level: int, text: str) -> None:
        lines.append((level, text))

    def work() -> None:
        try:
            ended.put(_cancel_soon(hook, name, owner, reason, try_number, later))
        except BaseException as error:  # it is raised in the waiting thread
            ended.put(error)

    threading.Thread(target=work, name=f"cancel {name}", daemon=True).start()
    try:
        outcome = ended.get(timeout=AT_MOST)
    except queue.Empty:
        outcome = Cancelled(problem=f"no answer within {AT_MOST:g} s")
    for level, text in lines:
        hook.log.log(level, "%s", text)
    if isinstance(outcome, Exception):
        outcome = Cancelled(problem=said(outcome))
    if isinstance(outcome, BaseException):
        raise outcome
    return _told(hook, name, reason, outcome)


def _cancel_soon(
    hook: AzureMLHook, name: str, owner: str, reason: str, try_number: int | None, later: Tell
) -> Cancelled | None:
    """None when there is nothing to cancel. A look that is not answered in time stops no cancel.

    This process has submitted the job or found its own marks on it: the look only tells that the job
    has ended, or has gone over to a newer try.
    """
    workspace = hook.workspace
    untraced = "the job could not be looked at"
    with hook.new_driver(tell=later, retry=ONCE, timeouts=A_LOOK) as driver:
        try:
            job = driver.run(job_flows.find(workspace, name), hook.correlation_id)
        except UnreachableError:
            job = None
        else:
            if job is None:
                return Cancelled(problem="Azure does not know it yet")
            if not may_cancel(job, owner, try_number):
                return None
            if workspace.is_discovered:
                untraced = driver.run(intent.mark(workspace, job, reason), hook.correlation_id)
    with hook.new_driver(tell=later, retry=TWICE, timeouts=A_CANCEL) as driver:
        driver.run(intent.ask(workspace, name), hook.correlation_id)
        if job is not None and untraced:
            untraced = driver.run(intent.mark(workspace, job, reason), hook.correlation_id)
    return Cancelled(untraced=untraced)
