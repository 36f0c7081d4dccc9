# SPDX-License-Identifier: Apache-2.0
"""The reaper as a task; Airflow is what its supervisor would answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from structlog.testing import capture_logs

from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.operators.reaper import AzureMLReaperOperator
from tests.unit.canned import DENIED, CannedHook, arm_job
from tests.unit.hooks.living_job import LONG_AGO, made

ME = {"dag_id": "reaper", "run_id": "now", "task_id": "reap", "map_index": -1}
STATES = dict[str, dict[str, dict[str, str | None]]]


class Supervisor:
    """Answers as Airflow does: what it does not know is left out."""

    def __init__(self, states: STATES) -> None:
        self.states = states

    def send(self, message: Any) -> Any:
        task = message.task_ids[0]
        runs = {run: self.states.get(message.dag_id, {}).get(run, {}) for run in message.run_ids}
        found = {run: {task: states[task]} for run, states in runs.items() if task in states}
        return SimpleNamespace(task_states=found)


def airflow(monkeypatch: pytest.MonkeyPatch, **states: dict[str, dict[str, str | None]]) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "prod")
    answers = {"reaper": {"now": {"reap": "running"}}, **states}
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(answers), raising=False)


def perform(hook: CannedHook, **options: Any) -> tuple[Any, list[str]]:
    task = AzureMLReaperOperator(task_id="reap", **options)
    task.hook = hook  # type: ignore[assignment]
    with capture_logs() as logs:
        result = task.execute({"ti": SimpleNamespace(**ME)})
    return result, [str(line["event"]) % tuple(line.get("positional_args", ())) for line in logs]


def azure() -> CannedHook:
    job = made()
    answer = arm_job(job.name, "Running", properties=dict(job.properties))
    answer["systemData"] = {"createdAt": LONG_AGO}
    hook = CannedHook().on("GET", "/jobs", {"value": [answer]}).on("GET", f"/jobs/{job.name}", answer)
    return hook.on("POST", "/cancel", (202, {})).on("PATCH", f"/runs/{job.name}", {})


def test_a_dry_run_says_what_it_would_do_and_how_to_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow(monkeypatch)
    hook = azure()
    result, logs = perform(hook)
    assert result == {
        "dry_run": True,
        "checked": 1,
        "due": 1,
        "cancelled": 0,
        "ended": 0,
        "failed": 0,
        "left": 0,
        "unknown": 0,
    }
    assert hook.asked("POST") == []
    assert any(line.startswith("CANCEL") and "does not exist any more" in line for line in logs)
    assert any("set dry_run=False" in line for line in logs)


def test_with_dry_run_false_it_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow(monkeypatch)
    hook = azure()
    result, _ = perform(hook, dry_run=False)
    assert (result["dry_run"], result["cancelled"], len(hook.asked("POST"))) == (False, 1, 1)


@pytest.mark.parametrize("state", ["running", "deferred", None])
def test_a_living_task_keeps_its_job(monkeypatch: pytest.MonkeyPatch, state: str | None) -> None:
    airflow(monkeypatch, d={"r": {"t": state}})
    hook = azure()
    result, _ = perform(hook, dry_run=False)
    assert (result["left"], hook.asked("POST")) == (1, [])


def test_an_airflow_that_does_not_know_the_reaper_itself_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    airflow(monkeypatch, reaper={})
    hook = azure()
    with pytest.raises(AirflowException, match="does not know this very task"):
        perform(hook, dry_run=False)
    assert hook.requests == []


def test_a_refused_cancel_fails_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow(monkeypatch)
    with pytest.raises(AirflowException, match="1 jobs could not be cancelled and may still run"):
        perform(azure().on("POST", "/cancel", DENIED), dry_run=False)
