# SPDX-License-Identifier: Apache-2.0
"""What a DAG author writes, and what Airflow calls; the way to the job is in test_submission.py."""

from __future__ import annotations

import inspect
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout
from structlog.testing import capture_logs

from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.submission import Claim
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.triggers.job import ENDED, ERROR, TIMEOUT
from tests.unit.canned import BROKEN, DENIED, CannedHook, arm_job, states

GUID = "11111111-2222-3333-4444-555555555555"
JOB = {"type": "command", "command": "true", "environment": "azureml:e:1"}
FAILED = {"error": "Trigger failure"}


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "unit")


@pytest.fixture
def context() -> dict[str, Any]:
    place = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
    began = datetime(2026, 1, 1, tzinfo=timezone.utc)
    pushed: dict[str, Any] = {}

    def push(key: str, value: Any) -> None:
        pushed[key] = value

    ti = SimpleNamespace(**place, try_number=1, max_tries=1, start_date=began, xcom_push=push)
    return {"ti": ti, "pushed": pushed}


def operator(hook: CannedHook | None = None, **options: Any) -> AzureMLRunJobOperator:
    made = AzureMLRunJobOperator(**{"task_id": "t", "job": JOB, **options})
    made.hook = hook or CannedHook()  # type: ignore[assignment]
    return made


def living(context: dict[str, Any], **change: str) -> CannedHook:
    """Azure with one running job of this task instance."""
    claim = Claim.of(context)
    marks = {**claim.marks, **claim.fence, **change}
    name = claim.name(0)
    hook = CannedHook().on("POST", "/batchrundata", states({name: "Running"}))
    hook.on("GET", f"/jobs/{name}", arm_job(name, "Running", properties=marks))
    return hook.on("POST", "/cancel", (202, {})).on("PATCH", f"/runs/{name}", {})


def test_what_people_template_is_templated() -> None:
    assert set(operator().template_fields) == {"azureml_conn_id", "job", "inputs", "outputs", "identity"}


def test_it_has_the_parameters_of_the_house_and_no_other() -> None:
    own = {
        name
        for name, parameter in inspect.signature(AzureMLRunJobOperator.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert own == {
        *("azureml_conn_id", "job", "inputs", "outputs", "identity", "deferrable", "wait_for_completion"),
        *("poll_interval", "timeout", "cancel_on_kill", "stream_logs", "access"),
    }


def test_a_relative_path_starts_at_the_folder_of_the_dag(tmp_path: Path) -> None:
    with DAG(dag_id="d", schedule=None) as dag:
        inside = operator(job="jobs/train.yml")
        absolute = operator(task_id="u", job="/jobs/train.yml")
    dag.fileloc = str(tmp_path / "dags" / "nightly.py")
    assert inside.definition() == tmp_path / "dags" / "jobs" / "train.yml"
    assert absolute.definition() == Path("/jobs/train.yml")
    assert operator().definition() == JOB


def test_the_arguments_override_the_definition() -> None:
    made = operator(inputs={"a": 1}, identity="managed")
    assert made.overrides() == {"inputs": {"a": 1}, "outputs": None, "identity": "managed"}


@pytest.mark.parametrize(
    "identity, expected",
    [(None, "app-1"), ("managed", "<run identity>"), ({"type": "managed", "client_id": GUID}, GUID)],
)
def test_the_mend_of_a_refusal_names_who_mounts_where_that_is_known(identity: Any, expected: str) -> None:
    refusal = "StreamError(PermissionDenied(None))"
    assert f"--assignee {expected} " in operator(identity=identity).explained(refusal)


def test_a_broken_definition_hides_no_error() -> None:
    refusal = "StreamError(PermissionDenied(None))"
    assert operator(job={"type": "comand"}).explained(refusal).startswith(refusal)


def test_an_error_of_the_definition_names_field_and_mend_before_anything_is_sent(context) -> None:
    broken = operator(job={**JOB, "comand": "x"})
    with pytest.raises(AirflowException, match=r"field 'comand': is unknown. Did you mean 'command'"):
        broken.execute(context)
    assert broken.hook.requests == []


def test_a_crashed_trigger_ends_the_job_that_nobody_watches_any_more(context) -> None:
    hook = living(context)
    with pytest.raises(TaskDeferralError):
        operator(hook).resume_execution("__fail__", FAILED, context)
    assert len(hook.asked("POST", "/cancel")) == 1
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "trigger failed"}}


def test_a_crashed_trigger_does_not_end_the_job_of_another_epoch(context) -> None:
    hook = living(context, **{"airflow.epoch": "7"})
    with pytest.raises(TaskDeferralError):
        operator(hook).resume_execution("__fail__", FAILED, context)
    assert hook.asked("POST", "/cancel") == []


@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger/execution timeout"])  # 3.x, 2.11
@pytest.mark.parametrize("cancel_on_kill", [True, False])
def test_a_deferral_that_timed_out_is_a_deadline(context, error: str, cancel_on_kill: bool) -> None:
    hook = living(context)
    late = operator(hook, cancel_on_kill=cancel_on_kill)
    with pytest.raises((TaskDeferralError, TaskDeferralTimeout)):
        late.resume_execution("__fail__", {"error": error}, context)
    assert hook.asked("PATCH")[0].json == {"tags": {CANCEL_TAG: "deadline"}}
    assert len(hook.asked("POST", "/cancel")) == 1


def test_a_timed_out_deferral_whose_trigger_has_cancelled_does_not_cancel_twice(context) -> None:
    hook = living(context)
    claim = Claim.of(context)
    marks = {**claim.marks, **claim.fence}
    hook.on("GET", f"/jobs/{claim.name(0)}", arm_job(claim.name(0), "CancelRequested", properties=marks))
    with pytest.raises(TaskDeferralTimeout):
        operator(hook).resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert hook.asked("POST", "/cancel") == []


def test_a_cancel_that_fails_then_is_left_for_the_next_try(context) -> None:
    hook = living(context).on("POST", "/cancel", DENIED)
    left: dict[str, Any] = {}
    context["task_state_store"] = SimpleNamespace(set=lambda key, value: left.update({key: value}))
    with pytest.raises(TaskDeferralError):
        operator(hook).resume_execution("__fail__", FAILED, context)
    assert left["azureml_cancel"]["name"] == Claim.of(context).name(0)


def test_a_service_that_is_away_then_does_not_hide_airflows_own_error(context, caplog) -> None:
    hook = CannedHook().on("POST", "/batchrundata", BROKEN).on("GET", "/jobs", BROKEN)
    with pytest.raises(TaskDeferralError), capture_logs() as said:
        operator(hook).resume_execution("__fail__", FAILED, context)
    assert any("it may still run" in line["event"] for line in said)


def test_the_definition_is_compiled_once() -> None:
    made = operator()
    assert made.compiled is made.compiled


def test_a_job_that_may_outlive_its_task_survives_a_crashed_trigger(context) -> None:
    hook = living(context)
    with pytest.raises(TaskDeferralError):
        operator(hook, cancel_on_kill=False).resume_execution("__fail__", FAILED, context)
    assert hook.requests == []


def test_an_ordinary_return_from_the_triggerer_cancels_nothing(context) -> None:
    name = Claim.of(context).name(0)
    hook = CannedHook().on("GET", f"/jobs/{name}", arm_job(name, "Completed")).on("GET", "/runs/get", {})
    event = {"name": name, "reason": ENDED, "status": "Completed", "error": ""}
    result = operator(hook).resume_execution("resume", {"event": event}, context)
    assert result["status"] == "Completed"
    assert hook.asked("POST") == []


@pytest.mark.parametrize("reason", [TIMEOUT, ERROR])
def test_no_second_job_is_started_beside_one_that_would_not_end(context, reason: str) -> None:
    hook = CannedHook()
    event = {"name": "base-0", "reason": reason, "status": "CancelRequested", "error": "x"}
    with pytest.raises(AirflowException, match="no second job is started beside it"):
        operator(hook).resume_settled(context, event)
    assert hook.requests == []


def test_azures_own_expressions_pass_through_the_rendering_and_airflows_are_rendered() -> None:
    job = {
        "command": "python main.py --data ${{inputs.data}} --out ${{ outputs.model }} --day {{ ds }}",
        "inputs": {"data": {"path": "azureml://datastores/raw/paths/{{ ds }}"}},
    }
    made = operator(job=job, inputs={"rate": "{{ ds }}"})
    with DAG(dag_id="d", schedule=None) as dag:
        dag.add_task(made)
    made.render_template_fields({"ds": "2026-01-02"})
    assert made.job == {
        "command": "python main.py --data ${{inputs.data}} --out ${{ outputs.model }} --day 2026-01-02",
        "inputs": {"data": {"path": "azureml://datastores/raw/paths/2026-01-02"}},
    }
    assert made.inputs == {"rate": "2026-01-02"}


def test_a_path_outside_of_a_dag_is_taken_as_it_is() -> None:
    assert operator(job="jobs/train.yml").definition() == "jobs/train.yml"


def test_an_expression_that_the_author_has_shielded_is_left_alone() -> None:
    made = operator(job={"command": "{% raw %}echo ${{inputs.a}}{% endraw %} ${{inputs.b}} {{ ds }}"})
    with DAG(dag_id="d", schedule=None) as dag:
        dag.add_task(made)
    made.render_template_fields({"ds": "2026-01-02"})
    assert made.job == {"command": "echo ${{inputs.a}} ${{inputs.b}} 2026-01-02"}
