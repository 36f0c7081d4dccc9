# SPDX-License-Identifier: Apache-2.0
"""A person before Airflow's pages: starts, marks, clears and deletes by its REST API, and looks on."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from airflow_provider_azureml.naming import job_base
from tests.airflow.deployment import Deployment, until
from tests.airflow.ledger import Ledger, Story
from tests.airflow.scenarios import SCENARIOS, TASK, failpoint_number

DEPLOYMENT_ID = "tests"
SECONDS = 240.0
"""For any one thing that must happen: much on a quiet machine, enough on a busy one."""
SETTLED = 2.0
"""Seconds in which the scheduler has heard from its executor how a try ended."""
ENDS = ("success", "failed")


@dataclass(frozen=True)
class Person:
    """Who looks after one task instance of one run."""

    deployment: Deployment
    ledger: Ledger
    dag_id: str
    task_id: str = TASK
    run_id: str = "r"

    @property
    def prefix(self) -> str:
        """What the names of this task's jobs begin with."""
        return job_base(DEPLOYMENT_ID, self.dag_id, self.run_id, self.task_id) + "-"

    def start(self) -> None:
        """Start the run."""
        body = {"dag_run_id": self.run_id, "logical_date": None}
        self.deployment.airflow.post(f"/dags/{self.dag_id}/dagRuns", body)

    def mark(self, state: str) -> None:
        """Mark the task instance."""
        path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{self.task_id}"
        self.deployment.airflow.patch(path, {"new_state": state})

    def clear(self) -> None:
        """Clear the task instance, so that it runs again."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [self.task_id], "only_failed": False}
        self.deployment.airflow.post(f"/dags/{self.dag_id}/clearTaskInstances", body)

    def delete_run(self) -> None:
        """Delete the run with all its task instances: Airflow refuses it before the run has ended."""
        self.run_ended()
        answer = self.deployment.airflow._request("DELETE", f"/dags/{self.dag_id}/dagRuns/{self.run_id}")
        assert answer.status_code == 204, answer.text

    def run_ended(self) -> None:
        """Wait until the scheduler has said so: it would not see a clear that came before."""
        query = "SELECT state FROM dag_run WHERE dag_id=%s AND run_id=%s"
        self._until("end of run", lambda: self.deployment.rows(query, self.dag_id, self.run_id)[0][0] in ENDS)

    def instance(self) -> tuple[str, int, int]:
        """State, try number and process id of the task instance."""
        query = (
            "SELECT state, try_number, pid FROM task_instance WHERE dag_id=%s AND run_id=%s AND task_id=%s"
        )
        found = self.deployment.rows(query, self.dag_id, self.run_id, self.task_id)
        return found[0] if found else ("none", 0, 0)

    def sees(self, *states: str, tries: int = 1) -> None:
        """Wait until the task instance is in one of these states, in this try or a later one."""

        def is_so() -> bool:
            state, number, _ = self.instance()
            return state in states and number >= tries

        self._until(f"{' or '.join(states)} in try {tries}", is_so)

    def job(self, number: int) -> Story:
        """Wait until the n-th attempt runs."""

        def found() -> Story | None:
            stories = self.jobs()[number : number + 1]
            assert not any(story.has_ended for story in stories), f"it has ended: {self}"
            return stories[0] if stories and stories[0].status == "Running" else None

        story: Story = self._until(f"attempt {number} runs", found)
        return story

    def jobs(self) -> list[Story]:
        """All attempts so far."""
        return self.ledger.stories(self.prefix)

    def watched(self, tries: int = 1) -> None:
        """Wait until the log of a try tells that the job runs: a triggerer, or a worker, watches it."""
        logs = self.deployment.folder / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"
        pattern = f"task_id={self.task_id}/attempt={tries}.log*"
        self._until("its watch", lambda: any(" is Running" in log.read_text() for log in logs.glob(pattern)))

    def release(self, number: int) -> None:
        """Let the n-th attempt come to its end, once it runs."""
        (self.deployment.folder / "releases" / self.job(number).name).touch()

    def ended(self, tries: int = 1) -> None:
        """Wait until the task instance has ended, and no job of it is active."""
        self.sees(*ENDS, tries=tries)
        self._until("all jobs have ended", lambda: all(job.has_ended for job in self.jobs()))

    def stopped(self) -> int:
        """Wait until the scenario's failpoint has been reached; the id of the process that reached it."""
        mark = self._failpoint(".fired")
        return int(self._until("the failpoint", lambda: mark.exists() and mark.read_text()))

    def let_go(self) -> None:
        """End the pause of the scenario's failpoint."""
        self._failpoint(".go").touch()

    def task_process(self) -> psutil.Process:
        """The process of the running task; its parent is the worker."""
        return psutil.Process(int(self._until("the task's process", lambda: self.instance()[2])))

    def freeze(self, *processes: psutil.Process) -> None:
        """Let processes stand still, as on a machine that Airflow no longer hears of."""
        for process in processes:
            os.kill(process.pid, signal.SIGSTOP)

    def thaw(self, *processes: psutil.Process) -> None:
        """Let them go on."""
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)

    def gone(self, process: psutil.Process) -> None:
        """Wait until a process has ended."""
        self._until(f"process {process.pid} ends", lambda: not process.is_running())

    def _failpoint(self, suffix: str) -> Path:
        number = failpoint_number(self.dag_id)
        return self.deployment.folder / "failpoints" / f"{number}{suffix}"

    def _until(self, what: str, found: Any) -> Any:
        return until(f"{self.dag_id}: {what}; now {self}", SECONDS, found)

    def __str__(self) -> str:
        return f"{self.instance()} {[str(job) for job in self.jobs()]}"


def play(person: Person) -> None:
    """Do what the scenario of this DAG's name wants done, and wait until all is over."""
    ACTS[person.dag_id](person)
    person.ended(SCENARIOS[person.dag_id].tries)


def mark_deferred(state: str) -> Any:
    def act(person: Person) -> None:
        begun(person, "deferred")
        person.mark(state)

    return act


def mark_running(state: str) -> Any:
    def act(person: Person) -> None:
        begun(person, "running")
        person.mark(state)

    return act


def begun(person: Person, state: str) -> None:
    """The job runs, and the task waits for it."""
    person.start()
    person.job(0)
    person.sees(state)
    if state != "success":
        person.watched()


def clear(state: str) -> Any:
    def act(person: Person) -> None:
        begun(person, state)
        person.clear()
        person.release(1)

    return act


def clear_after_success(person: Person) -> None:
    succeed(person)
    person.run_ended()
    person.clear()
    person.release(1)


def succeed(person: Person) -> None:
    person.start()
    person.release(0)


def clear_while_its_job_runs(person: Person) -> None:
    begun(person, "success")
    person.run_ended()
    person.clear()
    person.release(1)


def delete_run_while_its_job_runs(person: Person) -> None:
    begun(person, "success")
    # Airflow takes a late report of the deleted run's try for one of the new run's, which has its key.
    person.run_ended()
    time.sleep(SETTLED)
    person.delete_run()
    person.start()
    person.release(1)


def delete_run_after_success(person: Person) -> None:
    succeed(person)
    person.run_ended()
    time.sleep(SETTLED)
    person.delete_run()
    person.start()
    person.release(1)


def wait_only(person: Person) -> None:
    person.start()


def deferral_timeout(person: Person) -> None:
    """`defer(timeout=...)` of Airflow, set from outside: our operator has deadlines of its own."""
    begun(person, "deferred")
    query = "UPDATE task_instance SET trigger_timeout = now() WHERE dag_id=%s AND run_id=%s"
    person.deployment.rows(query, person.dag_id, person.run_id)


def killed(person: Person) -> None:
    """The failpoint does it."""
    person.start()
    person.stopped()
    person.release(0)


def killed_while_concluding(person: Person) -> None:
    succeed(person)
    person.stopped()


def retries_edited(person: Person) -> None:
    person.start()
    person.stopped()
    person.sees("up_for_retry")
    dags = person.deployment.dags
    (dags / "retries_edited").touch()
    os.utime(dags / "scenario_dags.py")
    task = f"/dags/{person.dag_id}/tasks/{person.task_id}"
    until("the edit is parsed", SECONDS, lambda: person.deployment.airflow.get(task)["retries"] == 7)
    assert person.instance()[:2] == ("up_for_retry", 1), "the edit came too late"
    person.release(0)


def zombie_submits(person: Person) -> None:
    """The first try's PUT leaves its machine only when the second try has long submitted its own."""
    worker = lost_before_put(person)
    task = psutil.Process(person.stopped())
    person.let_go()
    until("the first try's PUT is refused", SECONDS, lambda: person.ledger.refused_puts(person.prefix))
    person.thaw(worker)
    person.gone(task)
    person.release(0)


def zombie_is_killed(person: Person) -> None:
    """The first try's machine is heard of again: Airflow ends the task on it before it sends its PUT."""
    worker = lost_before_put(person)
    task = psutil.Process(person.stopped())
    person.thaw(worker)
    person.gone(task)
    person.release(0)


def lost_before_put(person: Person) -> psutil.Process:
    person.start()
    worker = psutil.Process(person.stopped()).parent()
    assert worker is not None
    person.freeze(worker)
    person.sees("running", tries=2)
    person.job(0)
    return worker


def zombie_watches(person: Person) -> None:
    """The machine of a watching try is heard of again, when the second try watches the same job."""
    begun(person, "running")
    task = person.task_process()
    worker = task.parent()
    assert worker is not None
    person.freeze(task, worker)
    person.sees("running", tries=2)
    person.watched(tries=2)
    person.thaw(task, worker)
    person.gone(task)
    person.release(0)


ACTS = {
    "mark_failed_deferred": mark_deferred("failed"),
    "mark_success_deferred": mark_deferred("success"),
    "clear_deferred": clear("deferred"),
    "clear_after_success": clear_after_success,
    "clear_while_its_job_runs": clear_while_its_job_runs,
    "delete_run_while_its_job_runs": delete_run_while_its_job_runs,
    "delete_run_after_success": delete_run_after_success,
    "mark_failed_running": mark_running("failed"),
    "mark_success_running": mark_running("success"),
    "clear_running": clear("running"),
    "slow_cancel": mark_deferred("failed"),
    "lost_cancel": mark_deferred("failed"),
    "timeout_deferred": wait_only,
    "deferral_timeout": deferral_timeout,
    "execution_timeout_deferred": wait_only,
    "killed_before_put": killed,
    "killed_after_put": killed,
    "killed_after_put_running": killed,
    "worker_lost_after_put": killed,
    "killed_while_concluding": killed_while_concluding,
    "failed_once": wait_only,
    "retries_edited": retries_edited,
    "zombie_submits": zombie_submits,
    "zombie_is_killed": zombie_is_killed,
    "zombie_watches": zombie_watches,
}
