# SPDX-License-Identifier: Apache-2.0
"""Pipelines of command steps; and jobs that outlive, or do not outlive, their sandbox."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from azure_sandbox.kernel.ports import Directory
from azure_sandbox.services.machinelearning.runs import Runs

STEP = {"type": "command", "environment": "azureml:plain:1"}


@pytest.fixture
def components(workspace: Any) -> dict[str, str]:
    workspace.command()
    specifications = {
        "make": {
            **STEP,
            "command": "echo ${{inputs.word}} > ${{outputs.made}}/a.txt",
            "inputs": {"word": {"type": "string", "default": "plain"}},
            "outputs": {"made": {"type": "uri_folder"}},
        },
        "use": {
            **STEP,
            "command": "cat ${{inputs.made}}/a.txt",
            "inputs": {"made": {"type": "uri_folder"}},
        },
        "wait": {**STEP, "command": "sleep 300"},
    }
    found = {}
    for name, specification in specifications.items():
        body = {"properties": {"componentSpec": specification}}
        found[name] = workspace.arm("PUT", f"/components/{name}/versions/1", body).json()["id"]
    return found


def step(workspace: Any, component: str, **inputs: str) -> dict[str, Any]:
    bound = {name: {"job_input_type": "literal", "value": value} for name, value in inputs.items()}
    identity = {"type": "managed", "client_id": workspace.identity("runner").client_id}
    return {"type": "command", "componentId": component, "inputs": bound, "identity": identity}


def submit(workspace: Any, name: str, **steps: dict[str, Any]) -> str:
    body = {"properties": {"jobType": "Pipeline", "jobs": steps}}
    answer = workspace.arm("PUT", f"/jobs/{name}", body)
    assert answer.status_code == 201, answer.text
    return name


def children(workspace: Any, name: str) -> dict[str, dict[str, Any]]:
    found = workspace.history(name, "/children").json()["value"]
    return {child["properties"]["azureml.moduleName"]: child for child in found}


def test_steps_run_in_order_and_pass_data_on(workspace: Any, components: dict[str, str]) -> None:
    # The blob store keeps a key, so the runner's missing role there does not matter.
    made = "${{parent.jobs.second.outputs.made}}"
    name = submit(
        workspace,
        "piped",
        first=step(workspace, components["use"], made=made),
        second=step(workspace, components["make"], word="handed over"),
    )
    assert workspace.wait(name)["status"] == "Completed", workspace.error(name)
    runs = children(workspace, name)
    assert {run["status"] for run in runs.values()} == {"Completed"}
    assert runs["first"]["startTimeUtc"] > runs["second"]["endTimeUtc"]
    assert workspace.log(runs["first"]["runId"]).strip() == "handed over"
    assert workspace.arm("GET", f"/jobs/{runs['first']['runId']}").json()["properties"] is None


def test_a_failed_step_fails_the_pipeline_and_stops_what_follows(
    workspace: Any, components: dict[str, str]
) -> None:
    made = "${{parent.jobs.a.outputs.made}}"
    name = submit(
        workspace,
        "piped-failing",
        a={**step(workspace, components["make"]), "environment": "azureml:absent:1"},
        b=step(workspace, components["use"], made=made),
    )
    assert workspace.wait(name)["status"] == "Failed"
    assert "Failed nodes: /a" in workspace.error(name)
    assert set(children(workspace, name)) == {"a"}


def test_cancelling_a_pipeline_cancels_its_steps(workspace: Any, components: dict[str, str]) -> None:
    name = submit(workspace, "piped-cancelled", a=step(workspace, components["wait"]))
    deadline = time.monotonic() + 30
    while "Running" not in {run["status"] for run in children(workspace, name).values()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workspace.arm("POST", f"/jobs/{name}/cancel")
    assert workspace.wait(name)["status"] == "Canceled"
    assert children(workspace, name)["a"]["status"] == "Canceled"


def test_a_cancelled_pipelines_ledger_says_who_did_what_to_each_step(
    workspace: Any, components: dict[str, str]
) -> None:
    name = submit(workspace, "piped-ledger", a=step(workspace, components["wait"]))
    deadline = time.monotonic() + 30
    while "Running" not in {run["status"] for run in children(workspace, name).values()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workspace.arm("POST", f"/jobs/{name}/cancel")
    workspace.wait(name)
    submitter = workspace.cloud.port(Directory).object_id_by_name("submitter")
    rows = workspace.sandbox.control("GET", "/ledger", params={"kind": "job"}).json()["value"]
    expected = {name: submitter, children(workspace, name)["a"]["runId"]: ""}
    for job, creator in expected.items():
        # Cancelling may come before the step's process does.
        own = [row for row in rows if row["subject"].endswith(f"/jobs/{job}") and row["effect"] != "started"]
        assert [(row["effect"], row["object_id"]) for row in own] == [
            ("created", creator),
            ("cancel-requested", submitter),
            ("ended", ""),
        ]
        assert own[-1]["after"] == {"status": "Canceled"}


def test_steps_that_wait_for_each_other_fail(workspace: Any, components: dict[str, str]) -> None:
    name = submit(
        workspace,
        "piped-circle",
        a=step(workspace, components["use"], made="${{parent.jobs.b.outputs.made}}"),
        b=step(workspace, components["use"], made="${{parent.jobs.a.outputs.made}}"),
    )
    assert workspace.wait(name)["status"] == "Failed"
    assert "a, b wait for each other" in workspace.error(name)


def test_a_step_of_another_kind_is_refused(workspace: Any) -> None:
    body = {"properties": {"jobType": "Pipeline", "jobs": {"a": {"type": "sweep"}}}}
    answer = workspace.arm("PUT", "/jobs/piped-sweep", body)
    assert answer.status_code == 400
    assert "'a' is not a command step" in answer.json()["error"]["message"]


def test_after_a_restart_a_running_job_has_failed_and_a_waiting_one_runs(restartable: Any) -> None:
    with restartable() as workspace:
        for name in ("running-1", "running-2"):
            workspace.submit(name, command="sleep 300")
            workspace.wait(name, "Running")
        workspace.submit("waiting")
        workspace.wait("waiting", "Queued")
        process = next(run.process_id for run in Runs(workspace.cloud).unfinished() if run.process_id)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with restartable() as workspace:
        assert workspace.wait("running-1")["status"] == "Failed"
        assert "The sandbox was stopped while the job was Running" in workspace.error("running-1")
        assert workspace.wait("waiting")["status"] == "Completed"
