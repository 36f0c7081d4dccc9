# SPDX-License-Identifier: Apache-2.0
"""Tries, clears, edits and deleted runs on Airflow 2.11, by Airflow's own functions; run by its interpreter.

Each try is a process of its own, as a worker forks it. What the scheduler does between tries is done here:
`schedule_tis`, and `handle_failure` for a try whose process is gone. A real `airflow triggerer` watches.
Prints one JSON object: scenario -> [state, try number] of the task instance at last.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import failpoint
from airflow import DAG
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils import db
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType

from airflow_provider_azureml.naming import attempt_name, job_base
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator

HOME = Path(os.environ["AIRFLOW_HOME"])
RELEASES = Path(os.environ["AZML_TEST_RELEASES"])
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
TASK, RUN = "job", "r"
IMAGE = {"image": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"}
WAITS = (
    f'touch "{RELEASES}/$AZUREML_RUN_ID.runs"; until [ -e "{RELEASES}/$AZUREML_RUN_ID" ]; do sleep 0.1; done'
)
SECONDS = 120.0


def until(what: str, found: Callable[[], Any]) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + SECONDS
    while not (answer := found()):
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.1)
    return answer


class Instance:
    """One task instance of one run, and who schedules it.

    :param retries: of the task, as the DAG has it.
    """

    def __init__(self, name: str, retries: int = 2, **options: Any) -> None:
        self.name = name
        self.options = options
        self.dag = self.parsed(retries)
        self.create_run()

    def parsed(self, retries: int) -> DAG:
        """The DAG as its file says now, in the database as the DAG processor leaves it."""
        self.dag = DAG(dag_id=self.name, schedule=None, start_date=START)
        job = {"type": "command", "command": WAITS, "environment": IMAGE}
        AzureMLRunJobOperator(
            task_id=TASK, job=job, poll_interval=0.5, retries=retries, dag=self.dag, **self.options
        )
        with create_session() as session:
            self.dag.sync_to_db(session=session)
            SerializedDagModel.write_dag(self.dag, session=session)
        return self.dag

    def create_run(self) -> None:
        """Start the run."""
        self.dag.create_dagrun(
            state=DagRunState.RUNNING,
            execution_date=START,
            run_id=RUN,
            run_type=DagRunType.MANUAL,
            data_interval=(START, START),
        )

    def delete_run(self) -> None:
        """As the REST API does."""
        with create_session() as session:
            session.delete(self._run(session))

    def clear(self) -> None:
        """As the REST API and the page do."""
        with create_session() as session:
            clear_task_instances([self._ti(session)], session, dag=self.dag)

    def begin(self, rule: str = "") -> int:
        """Schedule the next try and fork its process; returns the process id.

        :param rule: a failpoint of this process, without the job's name.
        """
        with create_session() as session:
            run, ti = self._run(session), self._ti(session)
            run.dag, ti.task = self.dag, self.dag.get_task(TASK)
            if ti.state != TaskInstanceState.SCHEDULED:  # else its trigger has fired
                run.schedule_tis([ti], session)
            ti = self._ti(session)
            ti.state = TaskInstanceState.QUEUED
        pid = os.fork()
        if not pid:
            self._work(rule)
        return pid

    def _work(self, rule: str) -> None:
        code = 1
        try:
            if rule:
                os.environ["AZML_FAILPOINTS"] = f"{rule}{self.name}-"
                os.environ["AZML_FAILPOINTS_DIR"] = str(self.marks())
                failpoint.install()
            with create_session() as session:
                ti = self._ti(session)
            ti.task = self.dag.get_task(TASK)
            ti.run()
            code = 0
        finally:
            os._exit(code)

    def marks(self) -> Path:
        """The folder of this scenario's failpoint."""
        folder = RELEASES / f"{self.name}.failpoint"
        folder.mkdir(exist_ok=True)
        return folder

    def lost(self) -> None:
        """What the scheduler does about a try that it no longer hears of."""
        with create_session() as session:
            ti = self._ti(session)
            ti.task = self.dag.get_task(TASK)
            ti.handle_failure("no heartbeat", session=session)

    def job(self, number: int) -> str:
        """The name of the n-th attempt."""
        deployment = os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"]
        return attempt_name(job_base(deployment, self.name, RUN, TASK), number)

    def runs(self, number: int) -> None:
        """Wait until the n-th attempt runs."""
        path = RELEASES / f"{self.job(number)}.runs"
        until(path.name, path.exists)

    def release(self, number: int) -> None:
        """Let the n-th attempt come to its end, once it runs."""
        self.runs(number)
        (RELEASES / self.job(number)).touch()

    def let_go(self, number: int) -> bool:
        """The same without waiting; whether this was news."""
        path = RELEASES / self.job(number)
        is_news = path.with_suffix(".runs").exists() and not path.exists()
        if is_news:
            path.touch()
        return is_news

    def trigger_log(self) -> str:
        """What the triggerer wrote into the task's log."""
        folder = HOME / "logs" / f"dag_id={self.name}"
        return "".join(path.read_text(encoding="utf8") for path in folder.glob("**/*.trigger.*"))

    def mark(self, state: TaskInstanceState) -> None:
        """A person marks the task instance."""
        with create_session() as session:
            self._ti(session).set_state(state, session)

    def state(self) -> tuple[str, int]:
        """State and try number."""
        with create_session() as session:
            ti = self._ti(session)
            return str(getattr(ti.state, "value", ti.state)), ti.try_number

    def _run(self, session: Any) -> DagRun:
        return session.query(DagRun).filter_by(dag_id=self.name, run_id=RUN).one()

    def _ti(self, session: Any) -> TaskInstance:
        return session.query(TaskInstance).filter_by(dag_id=self.name, run_id=RUN, task_id=TASK).one()


def waited(pid: int) -> int:
    """The exit code of a try's process."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def whole(instance: Instance, number: int) -> None:
    """One try, to its end."""
    pid = instance.begin()
    instance.release(number)
    waited(pid)


def crash(instance: Instance) -> None:
    """A try whose process ends right after Azure has its PUT."""
    assert waited(instance.begin("exit137@after:PUT /jobs/")) == 137
    instance.lost()


def killed_after_put(name: str) -> Instance:
    instance = Instance(name)
    crash(instance)
    whole(instance, 0)
    return instance


def retries_edited(name: str) -> Instance:
    instance = Instance(name)
    crash(instance)
    instance.parsed(retries=5)
    whole(instance, 0)
    return instance


def clear_after_success(name: str) -> Instance:
    instance = Instance(name)
    whole(instance, 0)
    instance.clear()
    whole(instance, 1)
    return instance


def clear_while_its_job_runs(name: str) -> Instance:
    """The task itself has ended: it did not wait for its job."""
    instance = Instance(name, wait_for_completion=False)
    waited(instance.begin())
    instance.runs(0)
    instance.clear()
    waited(instance.begin())
    instance.release(1)
    return instance


def delete_run_after_success(name: str) -> Instance:
    instance = Instance(name)
    whole(instance, 0)
    instance.delete_run()
    instance.create_run()
    whole(instance, 1)
    return instance


def zombie(name: str, end: Callable[[Instance, int], None]) -> Instance:
    """Airflow gives the first try up before its PUT, and the second try submits."""
    instance = Instance(name)
    first = instance.begin("pause@before:PUT /jobs/")
    until("the first try pauses", (instance.marks() / "0.fired").exists)
    instance.lost()
    second = instance.begin()
    instance.runs(0)
    end(instance, first)
    waited(first)
    instance.release(0)
    waited(second)
    return instance


def zombie_submits(name: str) -> Instance:
    return zombie(name, lambda instance, pid: (instance.marks() / "0.go").touch())


def zombie_is_killed(name: str) -> Instance:
    return zombie(name, lambda instance, pid: os.kill(pid, signal.SIGTERM))


def zombie_watches(name: str) -> Instance:
    """The first try watches the job, is given up, and is ended when the second watches it too."""
    instance = Instance(name)
    first = instance.begin()
    instance.runs(0)
    stall(first)
    instance.lost()
    second = instance.begin("pause@after:PATCH /runs/")
    until("the job is in the second try's hands", (instance.marks() / "0.fired").exists)
    (instance.marks() / "0.go").touch()
    os.kill(first, signal.SIGCONT)
    os.kill(first, signal.SIGTERM)
    waited(first)
    instance.release(0)
    waited(second)
    return instance


def stall(pid: int) -> None:
    """Stop a process, but in no transaction of its: sqlite's one lock would stop everybody else."""
    journal = HOME / "airflow.db-journal"
    while True:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.1)  # whose transaction it is, others' are over by then
        if not journal.exists():
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)


def deferred(name: str) -> Instance:
    instance = Instance(name, deferrable=True)
    waited(instance.begin())
    instance.runs(0)
    until(f"{name} is watched", lambda: " is Running" in instance.trigger_log())
    return instance


def mark_failed_deferred(name: str) -> Instance:
    instance = deferred(name)
    instance.mark(TaskInstanceState.FAILED)
    until("the trigger cancels", lambda: "Asked Azure to cancel job" in instance.trigger_log())
    return instance


def clear_deferred(name: str) -> Instance:
    instance = deferred(name)
    instance.clear()
    waited(instance.begin())
    to_the_end(instance, 1)
    return instance


def triggerer_stops(name: str) -> Instance:
    """SIGTERM of the triggerer cancels nothing, and the next one watches on."""
    instance = deferred(name)
    TRIGGERERS[-1].terminate()
    TRIGGERERS[-1].wait(60)
    start_triggerer()
    to_the_end(instance, 0)
    return instance


def to_the_end(instance: Instance, number: int) -> None:
    """Let the n-th attempt end, and resume the task whenever one of its triggers has fired."""
    while instance.state()[0] == "deferred":
        until("a trigger fires", lambda: instance.let_go(number) or instance.state()[0] == "scheduled")
        if instance.state()[0] == "scheduled":
            waited(instance.begin())


TRIGGERERS: list[subprocess.Popen[bytes]] = []


def start_triggerer() -> None:
    with (HOME / "triggerer.log").open("ab") as log:
        command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
        TRIGGERERS.append(subprocess.Popen(command, stdout=log, stderr=log))


SCENARIOS = (
    killed_after_put,
    retries_edited,
    clear_after_success,
    clear_while_its_job_runs,
    delete_run_after_success,
    zombie_submits,
    zombie_is_killed,
    zombie_watches,
    mark_failed_deferred,
    clear_deferred,
    triggerer_stops,
)


def main() -> None:
    """Entry."""
    db.initdb()
    start_triggerer()
    try:
        instances = {each.__name__: each(f"two_{each.__name__}") for each in SCENARIOS}
        states = {name: instance.state() for name, instance in instances.items()}
    finally:
        for each in TRIGGERERS:
            each.kill()
            each.wait()
    sys.stdout.write("\n" + json.dumps(states) + "\n")


if __name__ == "__main__":
    main()
