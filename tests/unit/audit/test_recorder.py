# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.audit.event import TaskKey, Who
from airflow_provider_azureml.audit.recorder import MODES, REQUIRED, Recorder, Recording, check_mode
from airflow_provider_azureml.audit.sink import Journal
from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError, DeniedError
from airflow_provider_azureml.rest.flow import Request, Response

ARM = "https://management.azure.com"
JOB = (
    f"{ARM}/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/j"
)
SUBMIT = Request("PUT", f"{JOB}?api-version=1", json={"properties": {"jobType": "Command"}})
CANCEL = Request("POST", f"{JOB}/cancel?api-version=1")
TASK = TaskKey("d", "r", "t", -1, 1)
log = logging.getLogger("tests.audit")


def recorder(folder: Path, is_required: bool = True, **changes: Any) -> Recorder:
    values: dict[str, Any] = {
        "journal": Journal(folder),
        "cloud": CLOUDS["public"],
        "deployment": "prod",
        "connection": "aml",
        "auth": "managed_identity",
        "is_required": is_required,
        "task": lambda: TASK,
        "who": lambda token: Who("tenant", "app", f"object of {token}"),
        "tell": lambda level, text: log.log(level, "%s", text),
    }
    return Recorder(**{**values, **changes})


def watch(made: Recorder, request: Request) -> Recording:
    found = made.watch(request, "corr")
    assert found is not None
    return found


def records(folder: Path) -> list[dict[str, Any]]:
    text = "".join(path.read_text() for path in folder.glob("*/*.jsonl"))
    return [json.loads(line) for line in text.splitlines()][1:]


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """A place where no folder can be made."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "log"


def test_an_intent_says_who_does_what_where_for_whom(tmp_path: Path) -> None:
    watch(recorder(tmp_path), SUBMIT).intend("token")
    [intent] = records(tmp_path)
    assert {
        key: intent[key] for key in ("kind", "action", "deployment", "connection", "auth", "correlation_id")
    } == {
        "kind": "intent",
        "action": "Microsoft.MachineLearningServices/workspaces/jobs/write",
        "deployment": "prod",
        "connection": "aml",
        "auth": "managed_identity",
        "correlation_id": "corr",
    }
    assert intent["resource"] == JOB.removeprefix(ARM)
    assert intent["task"]["run_id"] == "r"
    assert intent["who"] == {"tenant_id": "tenant", "app_id": "app", "object_id": "object of token"}
    assert intent["detail"] == {"jobType": "Command"}


def test_an_outcome_belongs_to_its_intent_and_people_get_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen = watch(recorder(tmp_path), SUBMIT)
    seen.intend("token")
    seen.conclude(Response(201, {"x-ms-request-id": "q-1"}), 2)
    seen.report()
    intent, outcome = records(tmp_path)
    assert outcome["event"] == intent["event"]
    assert (outcome["result"], outcome["status"], outcome["attempts"]) == ("done", 201, 2)
    [line] = caplog.messages
    assert line.startswith(
        "audit: Microsoft.MachineLearningServices/workspaces/jobs/write on /subscriptions/s/"
    )
    assert "by application app (connection aml, managed_identity): done (201) in" in line
    assert line.endswith("request id q-1")


def test_a_read_is_no_event(tmp_path: Path) -> None:
    assert recorder(tmp_path).watch(Request("GET", JOB), "") is None
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_nobody_could_be_signed_in_for_is_recorded_whole(tmp_path: Path) -> None:
    seen = watch(recorder(tmp_path), SUBMIT)
    seen.conclude(DeniedError(401, "AADSTS7000215", "wrong secret"), 0)
    intent, outcome = records(tmp_path)
    assert "who" not in intent
    assert (outcome["result"], outcome["code"], outcome["attempts"]) == ("refused", "AADSTS7000215", 0)


def test_a_submit_that_cannot_be_recorded_is_refused_and_the_text_says_what_to_do(no_folder: Path) -> None:
    with pytest.raises(AzureMLError) as caught:
        watch(recorder(no_folder), SUBMIT).intend("token")
    text = str(caught.value)
    assert text.startswith("Not sent to Azure, because it could not be recorded first: ")
    assert "workspaces/jobs/write on /subscriptions/s/" in text
    assert "Not a directory" in text
    assert f"Make room in {no_folder}" in text
    assert "[azureml] audit_path" in text
    assert "audit = best_effort" in text


def test_a_refusal_may_be_tried_again_by_another_worker(no_folder: Path) -> None:
    from airflow_provider_azureml.operators.failure import is_final

    with pytest.raises(AzureMLError) as caught:
        watch(recorder(no_folder), SUBMIT).intend("token")
    assert not is_final(caught.value)


@pytest.mark.parametrize(
    ("request_", "is_required"), [(CANCEL, True), (SUBMIT, False)], ids=["cancel", "best_effort"]
)
def test_a_cancel_and_best_effort_go_on_and_the_gap_is_an_error_in_the_task_log(
    no_folder: Path, request_: Request, is_required: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen = watch(recorder(no_folder, is_required), request_)
    seen.intend("token")
    seen.conclude(Response(202), 1)
    seen.report()
    said, gap = caplog.records
    assert (said.levelname, gap.levelname) == ("INFO", "ERROR")
    assert "not recorded in full: Not a directory" in gap.message
    assert "This line is its only record." in gap.message


def test_after_the_effect_nothing_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failing: list[int] = []

    def sync(descriptor: int) -> None:
        if failing:
            raise OSError(28, "No space left on device")

    seen = watch(recorder(tmp_path, journal=Journal(tmp_path, sync=sync)), SUBMIT)
    seen.intend("token")
    failing.append(1)
    seen.conclude(Response(201), 1)
    seen.report()
    assert "No space left on device" in caplog.text


def test_a_request_under_way_has_nothing_to_report(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = watch(recorder(tmp_path), SUBMIT)
    seen.intend("token")
    seen.report()
    assert caplog.records == []


def test_no_mode_is_required_and_a_wrong_one_is_named() -> None:
    assert check_mode("") == REQUIRED
    assert [check_mode(mode) for mode in MODES] == list(MODES)
    with pytest.raises(ConfigurationError, match="'on' is unknown"):
        check_mode("on")


def test_no_repr_of_an_observation_shows_a_body(tmp_path: Path) -> None:
    body = {"properties": {"environmentVariables": {"X": "canary"}}}
    assert "canary" not in repr(watch(recorder(tmp_path), Request("PUT", JOB, json=body)))
