# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import DeniedError, NotFoundError, ServiceError
from airflow_provider_azureml.rest import run_history

API = "https://eastus.api.azureml.ms"
WS = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
LOG = "https://a.blob.core.windows.net/c/log?sig=x"


def test_the_reason_of_a_failure_comes_with_its_innermost_code_and_the_logs(play, workspace) -> None:
    inner = {"code": "UserTrainingScriptFailed", "innerError": {"code": "ExitCode2"}}
    error = {"code": "UserError", "message": "Execution failed.", "innerError": inner}
    body = {
        "status": "Failed",
        "error": {"error": error, "time": "x"},
        "logFiles": {"user_logs/std_log.txt": LOG},
    }
    played = play(run_history.details(workspace, "a"), body)
    assert played.result.error == "Execution failed. (ExitCode2)"
    assert played.result.error_code == "UserError"
    assert played.result.log_files == {"user_logs/std_log.txt": LOG}
    assert "sig=x" not in repr(played.result)
    assert played.requests[0].url == f"{API}/history/v1.0{WS}/runs/a/details?api-version=v1.0"


def test_a_healthy_run_has_no_error(play, workspace) -> None:
    result = play(run_history.details(workspace, "a"), {"status": "Running", "error": None}).result
    assert (result.error, result.error_code, dict(result.log_files)) == ("", "", {})


def test_many_states_are_asked_in_chunks_of_a_hundred(play, workspace) -> None:
    names = [f"j{number}" for number in range(250)]

    def answer(chunk: list[str]) -> dict[str, object]:
        return {"successfulResults": {name: {"runMetadata": {"status": "Running"}} for name in chunk}}

    chunks = [names[:100], names[100:200], names[200:]]
    played = play(run_history.status_batch(workspace, [*names, "j0"]), *map(answer, chunks))
    assert played.result == dict.fromkeys(names, "Running")
    assert [len(request.json["requests"]) for request in played.requests] == [100, 100, 50]


def test_a_batch_tells_a_missing_run_from_one_that_could_not_be_read(play, workspace) -> None:
    missing = {
        "error": {
            "code": "UserError",
            "message": "Run b was not found",
            "innerError": {"code": "NotFoundError"},
        }
    }
    body = {
        "successfulResults": {"a": {"runMetadata": {"status": "Queued"}}},
        "failedResults": {"b": missing, "c": {"error": {"code": "ServiceError", "message": "x"}}},
    }
    result = play(run_history.status_batch(workspace, ["a", "b", "c", "d"]), body).result
    assert result["a"] == "Queued"
    assert isinstance(result["b"], NotFoundError)
    assert type(result["c"]) is ServiceError
    assert result["d"].code == "NoState"


def test_metrics_are_the_last_values_and_only_what_json_can_hold(play, workspace) -> None:
    data = {
        "metrics": [{"key": "rmse", "value": 1.5}, {"key": "bad", "value": "NaN"}, {"key": "n", "value": 3}]
    }
    played = play(run_history.metrics(workspace, "a"), {"run": {"data": data}})
    assert played.result == {"rmse": 1.5, "n": 3.0}
    assert played.requests[0].url.startswith(f"{API}/mlflow/v2.0{WS}/api/2.0/mlflow/runs/get?")


def test_a_run_without_metrics_has_none(play, workspace) -> None:
    assert play(run_history.metrics(workspace, "a"), {"run": {"data": {}}}).result == {}


def test_children_are_named_records(play, workspace) -> None:
    body = {"value": [{"runId": "p1", "status": "Completed", "displayName": "prep"}]}
    assert play(run_history.children(workspace, "p"), body).result == [
        run_history.Child("p1", "Completed", "prep")
    ]


def test_a_log_is_read_from_where_the_reader_stopped_without_a_token(play) -> None:
    played = play(run_history.read_log(LOG, 10, limit=5), (206, b"hello"))
    assert played.result == run_history.LogChunk(b"hello", 15)
    assert played.requests[0].headers["Range"] == "bytes=10-14"
    assert played.requests[0].scope is None


def test_416_means_that_nothing_new_was_written(play) -> None:
    assert play(run_history.read_log(LOG, 10), (416, b"")).result == run_history.LogChunk(b"", 10)


def test_a_server_that_ignores_ranges_does_not_repeat_the_log(play) -> None:
    assert play(run_history.read_log(LOG, 3, limit=4), (200, b"abcdefghij")).result == (
        run_history.LogChunk(b"defg", 7)
    )


def test_an_ended_signature_is_a_denial(play) -> None:
    with pytest.raises(DeniedError):
        play(run_history.read_log(LOG), (403, b"<Error><Code>AuthenticationFailed</Code></Error>"))


def test_a_batch_tells_marks_and_the_time_of_the_making_too(play, workspace) -> None:
    marks = {"properties": {"airflow.try": "1", "none": None}, "tags": {"airflow.cancel": "killed"}}
    run = {"status": "Canceled", "createdUtc": "2026-01-01T00:00:00Z", **marks}
    body = {"successfulResults": {"a": {"runMetadata": run}, "b": {"runMetadata": {"status": "Queued"}}}}
    result = play(run_history.job_batch(workspace, ["a", "b"]), body).result
    assert (result["a"].status, result["a"].created_at) == ("Canceled", "2026-01-01T00:00:00Z")
    assert (result["a"].properties, result["a"].tags) == ({"airflow.try": "1"}, {"airflow.cancel": "killed"})
    assert (result["b"].status, result["b"].properties, result["b"].tags) == ("Queued", {}, {})


def test_a_run_is_tagged_by_its_name_alone_and_its_tags_come_with_the_details(play, workspace) -> None:
    played = play(run_history.set_tags(workspace, "a/b", {"x": "1"}), {})
    (request,) = played.requests
    assert (request.method, request.json) == ("PATCH", {"tags": {"x": "1"}})
    assert request.url == f"{API}/history/v1.0{WS}/runs/a%2Fb?api-version=v1.0"
    assert play(run_history.details(workspace, "a"), {"tags": {"x": "1"}}).result.tags == {"x": "1"}
