# SPDX-License-Identifier: Apache-2.0
"""Triggerers that stall, leave, die or have a crowd to watch: no job is cancelled by that, and none is lost.

The tests share one run of the DAG `held`: each has tasks of its own.
"""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.airflow.deployment import Deployment, until
from tests.airflow.ledger import Ledger
from tests.airflow.person import SECONDS, Person

pytestmark = pytest.mark.timeout(900)
DAG = "held"
TASKS = tuple(f"job{number}" for number in range(5))
REFUSED = "Nothing is cancelled."
FILES, MANY = 1024, 940
"""One file is open in a triggerer for the log of each deferred task, whoever wrote the trigger."""
COMMAND_LINE = "import sys; from airflow_provider_azureml.cli.console import main; sys.exit(main())"
FEW = 256
"""Files of the process that watches: a pool of connections or two, however many jobs there are."""


@pytest.fixture(scope="module")
def people(deployment: Deployment, ledger: Ledger) -> dict[str, Person]:
    """Whoever looks after the tasks of one run, each deferred with a job that runs."""
    deployment.make_whole()
    run_id = uuid.uuid4().hex
    people = {task: Person(deployment, ledger, DAG, task, run_id) for task in TASKS}
    until("the DAG is parsed", SECONDS, lambda: deployment.airflow.knows(DAG))
    people["job0"].start()
    for person in people.values():
        person.job(0)
        person.sees("deferred")
        person.watched()
    return people


def triggerers(deployment: Deployment) -> set[int]:
    """Ids of all that ever said that they run: those that were killed say so for ever."""
    return {number for (number,) in deployment.rows("SELECT id FROM job WHERE job_type='TriggererJob'")}


def watchers(deployment: Deployment, run_id: str) -> set[int]:
    """Ids of those who have this run's triggers."""
    query = "SELECT triggerer_id FROM trigger JOIN task_instance t ON t.trigger_id=trigger.id WHERE run_id=%s"
    return {number for (number,) in deployment.rows(query, run_id)}


def test_no_job_is_cancelled_by_a_stall_a_deploy_or_a_death(
    deployment: Deployment, people: dict[str, Person]
) -> None:
    run_id = people["job0"].run_id
    (first,) = watchers(deployment, run_id)

    known = triggerers(deployment)
    deployment.start("triggerer", "second")
    (second,) = until("a second triggerer", SECONDS, lambda: triggerers(deployment) - known)
    deployment.signal("triggerer", signal.SIGSTOP)
    until("the second takes over", SECONDS, lambda: watchers(deployment, run_id) == {second})
    deployment.signal("triggerer", signal.SIGCONT)
    until("the first refuses to cancel", SECONDS, lambda: refusals(deployment, run_id) == len(TASKS))
    people["job0"].release(0)
    people["job0"].ended()

    deployment.terminate("second")
    until("the first watches on", SECONDS, lambda: watchers(deployment, run_id) == {first})
    people["job1"].release(0)
    people["job1"].ended()

    deployment.kill("triggerer")
    deployment.start("triggerer")
    people["job2"].release(0)
    people["job2"].ended()

    for person in (people["job0"], people["job1"], people["job2"]):
        assert [str(job) for job in person.jobs()] == ["Completed"]
        assert person.instance()[0] == "success"


def refusals(deployment: Deployment, run_id: str) -> int:
    """How many tasks' logs say that a triggerer was asked to cancel, and did not."""
    logs = (deployment.folder / "logs" / f"dag_id={DAG}" / f"run_id={run_id}").glob("task_id=*/*.trigger.*")
    return sum(REFUSED in log.read_text(encoding="utf8") for log in logs)


def test_a_job_for_which_airflow_has_no_hook_is_reaped_and_only_that(
    deployment: Deployment, people: dict[str, Person]
) -> None:
    """Nobody hears that a deferred task was marked, while there is no triggerer."""
    deployment.make_whole()
    marked, healthy = people["job3"], people["job4"]
    deployment.kill("triggerer")
    marked.mark("failed")
    deployment.start("triggerer")
    reap = ["-c", COMMAND_LINE, "reap", "--grace", "0"]
    seen = deployment.run(*reap)
    assert [str(job) for job in marked.jobs()] == ["Running"]
    assert seen.returncode == 1, seen.stdout
    assert deployment.run(*reap, "--yes").returncode == 0
    marked.ended()
    assert [str(job) for job in marked.jobs()] == ["Canceled (reaped)"]
    assert [str(job) for job in healthy.jobs()] == ["Running"]


@pytest.fixture
def crowded(deployment: Deployment, people: dict[str, Person]) -> Iterator[Person]:
    """One task whose deferral stands many times in Airflow's database, as if it were mapped."""
    person = people["job4"]
    deployment.make_whole()
    yield person
    deployment.kill("triggerer")  # before it can see that they are gone, which to it is a person's deed
    deployment.rows("DELETE FROM task_instance WHERE run_id=%s AND map_index >= 0", person.run_id)


def multiply(deployment: Deployment, person: Person, times: int) -> None:
    """Copy the deferred task instance and its trigger, row by row, as Airflow would write them."""
    ti = _row(deployment, "SELECT to_jsonb(t) FROM task_instance t WHERE run_id=%s AND task_id=%s", person)
    (trigger,) = deployment.rows("SELECT to_jsonb(t) FROM trigger t WHERE id=%s", ti["trigger_id"])[0]
    base = deployment.rows("SELECT max(id) FROM trigger")[0][0] + 1000
    trigger["triggerer_id"] = None
    for number in range(times):
        trigger["id"] = ti["trigger_id"] = base + number
        ti |= {"id": str(uuid.uuid4()), "map_index": number}
        for table, row in (("trigger", trigger), ("task_instance", ti)):
            query = f'INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::public."{table}", %s)'
            deployment.rows(query, json.dumps(row))


def _row(deployment: Deployment, query: str, person: Person) -> dict[str, object]:
    ((row,),) = deployment.rows(query, person.run_id, person.task_id)
    return dict(row)


def test_a_triggerer_with_1024_files_watches_as_many_jobs_as_airflow_itself_leaves_room_for(
    deployment: Deployment, crowded: Person
) -> None:
    deployment.kill("triggerer")
    multiply(deployment, crowded, MANY)
    deployment.start("triggerer", open_files=FILES)
    runner = until("its runner", SECONDS, lambda: deployment.family("triggerer")[1:])[0]
    logs = deployment.folder / "logs" / f"dag_id={DAG}" / f"run_id={crowded.run_id}"
    until("all are watched", SECONDS, lambda: watched(logs) >= MANY, pause=2)
    assert deployment.is_alive("triggerer")
    assert psutil.Process(deployment.pid("triggerer")).rlimit(psutil.RLIMIT_NOFILE)[0] == FILES
    assert runner.num_fds() < FEW
    assert [str(job) for job in crowded.jobs()] == ["Running"]


def watched(logs: Path) -> int:
    """How many triggers' logs tell the state of the job."""
    return sum(" is Running" in log.read_text(encoding="utf8") for log in logs.glob("**/*.trigger.*"))
