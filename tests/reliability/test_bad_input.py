# SPDX-License-Identifier: Apache-2.0
"""Answers and circumstances that nobody expects: each has its end, and none cancels or duplicates a job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace as but

import pytest

from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.rest.job import TERMINAL
from azure_sandbox.testing import Answer
from tests.reliability.sweep import Struck, effects_of
from tests.reliability.tally import TALLY
from tests.reliability.world.airflow_model import Task, TaskInstance
from tests.reliability.world.azure import Azure, Life
from tests.reliability.world.cell import JOBS, POLL, WAITS, Cell, settle
from tests.reliability.world.failpoint import AFTER, BEFORE, kill, replace
from tests.reliability.world.oracle import jobs, judge
from tests.reliability.world.world import World, world

JSON = {"content-type": "application/json"}
WEEK = 604_800
THROTTLED = b'{"error": {"code": "TooManyRequests", "message": "Too many requests."}}'
HEARD = {
    "a page of some proxy": (AFTER, Answer(200, {"content-type": "text/html"}, b"<html>Sign in</html>")),
    "half a document": (AFTER, Answer(200, JSON, b'{"value": [')),
    "a list": (AFTER, Answer(200, JSON, b"[]")),
    "another document": (AFTER, Answer(200, JSON, b'{"name": 7, "properties": null}')),
    "come back in a week": (BEFORE, Answer(429, {**JSON, "retry-after": str(WEEK)}, THROTTLED)),
}
CELLS = [Cell("command", wait, "running") for wait in WAITS]


def hearings(azure: Azure, cell: Cell, phase: str, answer: Answer) -> Iterator[Struck]:
    """The same is heard in place of the answer to each request, one request per run."""
    for number, effect in enumerate(effects_of(azure, cell)):
        if effect.is_request:
            with world(azure, {(number, phase): replace(answer)}) as made:
                ti = cell.run(made)
                yield Struck(f"{phase} {number} {effect}", cell, ti, judge(made))


@pytest.mark.parametrize("heard", HEARD)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_is_heard_instead_of_an_answer_ends_no_job_and_begins_no_second(cell, heard, cloud):
    found = list(hearings(cloud, cell, *HEARD[heard]))
    problems = [f"{each.where}: {each.verdict}" for each in found if not each.verdict.is_clean]
    problems += [f"{each.where}: {each.ti.state}" for each in found if each.ti.state != "success"]
    assert problems == []
    TALLY.swept(f"bad answers, {heard}", len(found))


def begun(made: World, dag_id: str, **arguments: object) -> TaskInstance:
    """A run of a DAG with one task."""
    given = {"job": JOBS["command"], "poll_interval": POLL, "stream_logs": False, **arguments}
    made.triggerer()
    return made.airflow.run(Task(lambda: AzureMLRunJobOperator(task_id="run", **given), dag_id), "run-1")


@pytest.mark.parametrize("wait", ["sync", "deferrable"])
def test_states_that_nobody_has_seen_mean_that_the_job_goes_on(wait, cloud):
    words = ["Hibernating", "NotResponding", "completed", "完了", "Completed "]
    assert not TERMINAL & set(words)
    states = [{"after": 200.0 * number, "status": word} for number, word in enumerate(words)]
    states += [{"after": 200.0 * len(words), "status": "Completed"}]
    with world(cloud) as made:
        made.azure.sandbox.heal()
        made.azure.sandbox.timeline({"match": {"experiment": f"^words-{wait}$"}, "states": states})
        ti = begun(made, f"words-{wait}", **WAITS[wait])
        settle(made, ti)
        (job,) = jobs(made)
        assert (ti.state, job.status, job.cancels, judge(made).is_clean) == ("success", "Completed", [], True)


@pytest.mark.parametrize("wait", ["sync", "deferrable"])
def test_a_definition_that_changed_under_a_living_job_neither_ends_nor_doubles_it(wait, cloud):
    """The try that submitted is killed; the DAG is edited; the next try watches the living job on."""
    edited = {**JOBS["command"], "command": "python other.py"}
    plan = {}
    with world(cloud) as made:
        cloud.lives(f"edited-{wait}-0", Life(800.0))
        settle(made, begun(made, f"edited-{wait}-0", **WAITS[wait]))
        effects = made.failpoints.effects
    put = next(n for n, effect in enumerate(effects) if "PUT" in effect.what and "/jobs/" in effect.what)
    plan[(put, AFTER)] = kill
    with world(cloud, plan) as made:
        cloud.lives(f"edited-{wait}-1", Life(800.0))
        ti = begun(made, f"edited-{wait}-1", **WAITS[wait])
        task, first = ti.task, ti.task.operator
        given = {"job": edited, "poll_interval": POLL, "stream_logs": False, **WAITS[wait]}
        makers = iter([first])
        ti.task = but(
            task, operator=lambda: next(makers, lambda: AzureMLRunJobOperator(task_id="run", **given))()
        )
        settle(made, ti)
        (job,) = jobs(made)
        assert (ti.state, job.status, job.cancels) == ("success", "Completed", [])
        assert ti.result["name"] == job.name
        assert judge(made).is_clean


def test_a_strangers_job_of_our_name_is_neither_taken_nor_touched(cloud):
    """The name is free in Airflow's eyes, and taken in Azure's: by a job without our marks."""
    with world(cloud) as made:
        cloud.lives("foreign", Life(500.0))
        settle(made, begun(made, "foreign"))
        name = jobs(made)[0].name
    with world(cloud) as made:
        path = f"/providers/Microsoft.MachineLearningServices/workspaces/nightly/jobs/{name[:-2]}-7"
        url = f"https://management.azure.com{cloud.sandbox.cloud.group_scope('nightly')}{path}"
        body = {"properties": {"jobType": "Command", "command": "x", "experimentName": "foreign"}}
        body["properties"]["environmentId"] = JOBS["command"]["environment"]
        headers = {**cloud.sandbox.bearer("studio-user"), **JSON}
        put = cloud.request("PUT", f"{url}?api-version=2024-10-01", headers, json.dumps(body).encode())
        assert put.status == 201, put.body
        ti = made.airflow.run(
            Task(lambda: AzureMLRunJobOperator(task_id="run", job=JOBS["command"]), "foreign"), "run-1"
        )
        ti.try_number = 1  # a later try looks before it submits
        settle(made, ti)
        effects = [row.effect for row in cloud.ledger() if row.subject.endswith("-7")]
        assert ti.state == "failed"
        assert "this task did not submit it" in str(made.airflow.workers[-1].error)
        assert "cancel-requested" not in effects
        assert [row.effect for row in cloud.ledger() if row.effect == "created"] == ["created"]


@pytest.mark.parametrize(
    "dag_id", ["nightly.retrain-2026", "9" * 250, "ünï.cødé", "a__b--c", ".", "-", "DAG_" + "x" * 246]
)
def test_any_name_that_airflow_allows_becomes_a_job_that_azure_allows(dag_id, cloud):
    with world(cloud) as made:
        made.azure.sandbox.heal()
        made.azure.sandbox.timeline(
            {"match": {"experiment": ".*"}, "states": [{"after": 50, "status": "Completed"}]}
        )
        ti = begun(made, dag_id, job=JOBS["command"])
        settle(made, ti)
        assert ti.state == "success", made.airflow.workers[-1].error
        assert judge(made).is_clean
