# SPDX-License-Identifier: Apache-2.0
"""How a run is followed and judged, against an API server that answers as Airflow's does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo import nightly
from demo.airflow import Airflow
from demo.layout import DemoFailed
from demo.nightly import DAG, Run
from demo.processes import Processes

RUN = f"/api/v2/dags/{DAG}/dagRuns/r1"


class FakeAirflow(BaseHTTPRequestHandler):
    """Answers from a table of path -> body; a list answers one element after the other."""

    answers: dict[str, Any]
    seen: list[tuple[str, str, Any]]

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        path, body = self.path.partition("?")[0], self.rfile.read(length)
        self.seen.append((self.command, path, json.loads(body) if body else None))
        answer = self.answers.get(path)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        payload = json.dumps(answer).encode()
        self.send_response(200 if answer is not None else 404)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_POST = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[type[FakeAirflow]]:
    class Handler(FakeAirflow):
        answers = {"/auth/token": {"access_token": "t"}}
        seen = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
    yield Handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def airflow(api: type[FakeAirflow]) -> Iterator[Airflow]:
    running = Airflow(api.url, "password")  # type: ignore[attr-defined]
    yield running
    running.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as none:
        yield none


def instance(task: str, state: str | None, **more: Any) -> dict[str, Any]:
    return {"task_id": task, "state": state, "try_number": 1, "duration": 2.0, "end_date": "now", **more}


def test_every_change_of_state_is_said_once(
    api: type[FakeAirflow], airflow: Airflow, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_SECONDS", 0.01)
    api.answers[RUN] = [{"state": "running"}, {"state": "running"}, {"state": "success"}]
    api.answers[f"{RUN}/taskInstances"] = [
        {"task_instances": [instance("land", "running", end_date=None), instance("prep", None)]},
        {"task_instances": [instance("land", "running", end_date=None), instance("prep", None)]},
        {"task_instances": [instance("land", "success"), instance("prep", "success", try_number=2)]},
    ]
    said: list[str] = []
    nightly.follow(Run(airflow, "r1"), processes, said.append)
    assert [line.split(" s  ", 1)[1] for line in said] == [
        "land           running",
        "land           success  (2.0 s)",
        "prep           success  (2.0 s)  try 2",
    ]


def test_a_failed_task_is_reported_with_the_end_of_its_log(
    api: type[FakeAirflow], airflow: Airflow, processes: Processes
) -> None:
    api.answers[RUN] = {"state": "failed"}
    instances = [instance("prep", "failed"), instance("train", "upstream_failed")]
    api.answers[f"{RUN}/taskInstances"] = {"task_instances": instances}
    api.answers[f"{RUN}/taskInstances/prep"] = {"try_number": 3}
    detail = [{"exc_type": "AirflowException", "exc_value": "403 AuthorizationFailed"}]
    events = [{"event": "submitting"}, {"event": "Task failed with exception", "error_detail": detail}]
    api.answers[f"{RUN}/taskInstances/prep/logs/3"] = {"content": events}
    with pytest.raises(DemoFailed) as failure:
        nightly.follow(Run(airflow, "r1"), processes, lambda line: None)
    assert "Task prep ended as failed" in str(failure.value)
    assert "    | AirflowException: 403 AuthorizationFailed" in str(failure.value)


def test_what_was_left_running_and_what_the_schedule_owes_is_ended_before_the_next_run(
    api: type[FakeAirflow], airflow: Airflow, processes: Processes
) -> None:
    api.answers |= {
        "/api/v2/importErrors": {"import_errors": []},
        f"/api/v2/dags/{DAG}": [
            {"dag_id": DAG},
            {"is_paused": False},
            {"next_dagrun_run_after": "2026-01-01T02:00:00Z"},
            {"next_dagrun_run_after": "2126-01-01T02:00:00Z"},
        ],
        f"/api/v2/dags/{DAG}/dagRuns": [
            {"dag_runs": [{"dag_run_id": "old"}]},
            {"dag_runs": []},
            {"dag_runs": [{"dag_run_id": "owed"}]},
            {"dag_runs": []},
            {"dag_run_id": "r1"},
        ],
        f"/api/v2/dags/{DAG}/dagRuns/old": {"state": "failed"},
        f"/api/v2/dags/{DAG}/dagRuns/owed": {"state": "failed"},
    }
    assert nightly.trigger(airflow, processes).run_id == "r1"
    for ended in ("old", "owed"):
        assert ("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{ended}", {"state": "failed"}) in api.seen
    assert api.seen[-1][2]["conf"] == {"overreach": True}


def test_a_run_that_the_schedule_owed_is_ended_before_ours(
    api: type[FakeAirflow], airflow: Airflow, processes: Processes
) -> None:
    now = datetime.now(timezone.utc)
    due, later = ({"next_dagrun_run_after": (now + timedelta(hours=hours)).isoformat()} for hours in (-1, 23))
    none: dict[str, Any] = {"dag_runs": []}
    api.answers |= {
        "/api/v2/importErrors": {"import_errors": []},
        f"/api/v2/dags/{DAG}": [due, due, due, later],
        f"/api/v2/dags/{DAG}/dagRuns": [
            none,
            none,
            {"dag_runs": [{"dag_run_id": "owed"}]},
            none,
            {"dag_run_id": "r1"},
        ],
        f"/api/v2/dags/{DAG}/dagRuns/owed": {"state": "failed"},
    }
    assert nightly.trigger(airflow, processes).run_id == "r1"
    assert ("PATCH", f"/api/v2/dags/{DAG}/dagRuns/owed", {"state": "failed"}) in api.seen


def test_a_dag_that_cannot_be_imported_is_said_at_once(
    api: type[FakeAirflow], airflow: Airflow, processes: Processes
) -> None:
    errors = [{"filename": "nightly_retraining.py", "stack_trace": "SyntaxError: line 3"}]
    api.answers["/api/v2/importErrors"] = {"import_errors": errors}
    with pytest.raises(DemoFailed, match=r"nightly_retraining.py cannot be imported:\nSyntaxError: line 3"):
        nightly.trigger(airflow, processes)
