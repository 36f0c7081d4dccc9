# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from airflow_provider_azureml.audit.event import (
    DONE,
    FAILED,
    NO_ANSWER,
    REFUSED,
    Intent,
    Outcome,
    TaskKey,
    Who,
    diagnosis,
)
from airflow_provider_azureml.errors import DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.rest.flow import Response

REFUSAL = json.dumps({"error": {"code": "AuthorizationFailed", "message": "canary"}}).encode()


@pytest.mark.parametrize(
    ("answer", "result", "status", "code"),
    [
        (Response(201, {"x-ms-request-id": "r"}), DONE, 201, ""),
        (Response(202), DONE, 202, ""),
        (Response(403, {}, REFUSAL), REFUSED, 403, "AuthorizationFailed"),
        (Response(404, {"x-ms-error-code": "Gone"}), FAILED, 404, "Gone"),
        (Response(503), FAILED, 503, "HTTP503"),
        (DeniedError(401, "AADSTS7000215", "canary"), REFUSED, 401, "AADSTS7000215"),
        (UnreachableError(0, "NoAnswer", "canary"), NO_ANSWER, 0, "NoAnswer"),
        (ServiceError(409, "A\nB", "canary"), FAILED, 409, "A?B"),
    ],
)
def test_an_answer_or_an_error_becomes_an_outcome(
    answer: Response | ServiceError, result: str, status: int, code: str
) -> None:
    outcome = Outcome.of("e", answer, 2, 0.0125)
    assert (outcome.result, outcome.status, outcome.code) == (result, status, code)
    assert (outcome.attempts, outcome.duration_ms) == (2, 12)
    assert "canary" not in str(outcome.to_dict())


def test_what_is_not_known_is_left_out() -> None:
    intent = Intent("e", "a", "r", "", "conn", "managed_identity")
    assert intent.to_dict() == {
        "kind": "intent",
        "event": "e",
        "action": "a",
        "resource": "r",
        "connection": "conn",
        "auth": "managed_identity",
    }
    assert Outcome("e", DONE, 200).to_dict() == {
        "kind": "outcome",
        "event": "e",
        "result": "done",
        "status": 200,
        "duration_ms": 0,
    }


def test_a_task_instance_of_any_version_is_read() -> None:
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=2)
    intent = Intent("e", "a", "r", "prod", "c", "x", TaskKey.of(ti), Who("t", "a", "o"))
    assert intent.to_dict()["task"] == {
        "dag_id": "d",
        "run_id": "r",
        "task_id": "t",
        "map_index": -1,
        "try_number": 2,
    }
    del ti.try_number
    assert TaskKey.of(ti).try_number == 0


def test_a_diagnosis_is_short_and_on_one_line() -> None:
    found = diagnosis("data", "no\nrole", "x" * 3000)
    assert found == {"plane": "data", "cause": "no?role", "mend": "x" * 2000}
