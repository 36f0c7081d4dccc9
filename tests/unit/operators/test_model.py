# SPDX-License-Identifier: Apache-2.0
"""What a DAG author sees of the registration; the comparison is in test_champion.py and tests/wire."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.compat import AirflowException, AirflowFailException
from airflow_provider_azureml.operators.champion import SOURCE_JOB
from airflow_provider_azureml.operators.model import AzureMLRegisterModelOperator
from tests.unit.canned import CannedHook, arm_job

PUT = "/models/delay/versions/"


def version(number: str, mae: float, job: str = "old") -> dict[str, Any]:
    properties = {"modelUri": "azureml://x", "tags": {"mae": str(mae)}, "properties": {SOURCE_JOB: job}}
    return {"id": f"/x/models/delay/versions/{number}", "name": number, "properties": properties}


def azure(mae: float, *models: dict[str, Any], status: str = "Completed") -> CannedHook:
    """A completed job `new` with its metric, and the versions that are registered."""
    metrics = {"run": {"data": {"metrics": [{"key": "mae", "value": mae}]}}}
    hook = CannedHook().on("GET", "/jobs/new", arm_job("new", status)).on("GET", "/runs/get", metrics)
    hook.on("GET", "/models/delay/versions", {"value": list(models)} if models else (404, {}))
    return hook.on("PUT", PUT + r"\d+", lambda request: {**request.json, "id": request.url.split("?")[0]})


def register(hook: CannedHook, **options: Any) -> dict[str, Any]:
    given = {"model": "delay", "job": "new", "metric": "mae", "goal": "minimize", **options}
    operator = AzureMLRegisterModelOperator(task_id="register", **given)
    operator.hook = hook  # type: ignore[assignment]
    result: dict[str, Any] = operator.execute({})
    return result


def test_what_people_template_is_templated() -> None:
    fields = AzureMLRegisterModelOperator.template_fields
    assert set(fields) == {"azureml_conn_id", "model", "job", "job_output", "metric"}


def test_the_first_model_is_registered_with_its_metric_and_its_job() -> None:
    hook = azure(5.0)
    result = register(hook, job_output="forest", model_type="mlflow_model")
    (put,) = hook.asked("PUT")
    assert put.json["properties"] == {  # type: ignore[index]
        "modelUri": "azureml://jobs/new/outputs/forest",
        "modelType": "mlflow_model",
        "description": "From job new, output forest",
        "tags": {"mae": "5.0"},
        "properties": {SOURCE_JOB: "new"},
    }
    assert (result["version"], result["registered"], result["champion"]) == ("1", True, None)


@pytest.mark.parametrize(
    "goal, value, registered",
    [
        ("minimize", 4.0, True),
        ("minimize", 5.0, False),
        ("minimize", 6.0, False),
        ("maximize", 6.0, True),
        ("maximize", 5.0, False),
    ],
)
def test_only_what_beats_the_champion_is_registered(goal: str, value: float, registered: bool) -> None:
    hook = azure(value, version("1", 9.0), version("2", 5.0))
    result = register(hook, goal=goal)
    assert result["registered"] is registered
    assert result["version"] == ("3" if registered else "2")
    assert result["champion"] == {"version": "2", "value": 5.0, "job": "old"}
    assert len(hook.asked("PUT")) == int(registered)


def test_a_retry_finds_the_version_that_it_registered() -> None:
    hook = azure(4.0, version("1", 5.0), version("2", 4.0, job="new"))
    result = register(hook)
    assert (result["registered"], result["version"]) == (True, "2")
    assert result["champion"]["version"] == "1"
    assert hook.asked("PUT") == []


def test_the_result_of_the_training_task_names_the_job() -> None:
    assert register(azure(1.0), job={"name": "new", "status": "Completed"})["registered"]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"metric": "rmse"}, "metric: 'rmse' is not among the metrics of new. It logged: mae."),
        ({"goal": "min"}, "goal: 'min' is unknown. Choose one of: maximize, minimize."),
        ({"model_type": "onnx"}, "model_type: 'onnx' is unknown"),
        ({"job": {"status": "x"}}, "job: is None, which names no job. Pass the output"),
        ({"job": " "}, "names no job"),
        ({"job": "None"}, "names no job"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_registered(options: dict[str, Any], words: str) -> None:
    hook = azure(1.0)
    with pytest.raises(AirflowFailException) as caught:
        register(hook, **options)
    assert words in str(caught.value)
    assert hook.asked("PUT") == []


@pytest.mark.parametrize("status", ["Running", "Failed", "Canceled"])
def test_only_what_a_completed_job_made_is_registered(status: str) -> None:
    with pytest.raises(AirflowFailException, match=f"'new' is {status}"):
        register(azure(1.0, status=status))


def test_a_version_that_another_task_took_meanwhile_is_left_to_the_retry() -> None:
    hook = azure(1.0, version("1", 5.0)).on("PUT", PUT + "2", (409, {"error": {"code": "Conflict"}}))
    with pytest.raises(AirflowException, match="Version 2 of delay appeared meanwhile") as caught:
        register(hook)
    assert not isinstance(caught.value, AirflowFailException)
