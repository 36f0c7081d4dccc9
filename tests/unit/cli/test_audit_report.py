# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.audit.sink import Journal
from airflow_provider_azureml.cli.console import main

JOBS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs"


def write(folder: Path, event: str, outcome: dict[str, Any] | None, **intent: Any) -> None:
    """What one process writes, another second for each event: one millisecond has no order."""
    moment = datetime(2026, 1, 1, 12, 0, int(event), tzinfo=timezone.utc)
    journal = Journal(folder, lambda: moment)
    task = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 3, "try_number": 2}
    who = {"tenant_id": "t", "app_id": "app-1", "object_id": "o"}
    action = "Microsoft.MachineLearningServices/workspaces/jobs/write"
    base = {
        "kind": "intent",
        "event": event,
        "action": action,
        "resource": f"{JOBS}/j-0",
        "connection": "aml",
    }
    journal.append({**base, "auth": "federated", "task": task, "who": who, **intent})
    if outcome:
        journal.append({"kind": "outcome", "event": event, **outcome})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write(tmp_path, "1", {"result": "done", "status": 201, "attempts": 2})
    write(tmp_path, "2", {"result": "refused", "status": 403, "code": "AuthorizationFailed"}, task=None)
    write(tmp_path, "3", None, who=None, resource="/line\nbreak/j-0")
    return tmp_path


def test_a_run_is_a_table_in_which_a_missing_outcome_is_named(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "show", "j-0", "--path", str(log)]) == 0
    head, first, second, third = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "(UTC)", "TASK", "AS", "ACTION", "RESOURCE", "OUTCOME"]
    assert "d.t[3] try 2" in first
    assert "aml (app-1)" in first
    assert first.endswith(
        "MachineLearningServices/workspaces/jobs/write  jobs/j-0        done 201 (2 attempts)"
    )
    assert second.endswith("refused 403 AuthorizationFailed")
    assert "  -  " in second
    assert "line?break/j-0" in third
    assert "aml (no token)" in third
    assert third.endswith("unknown (no outcome recorded)")


def test_a_version_is_told_with_its_asset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = f"{JOBS.removesuffix('/jobs')}/models/delay/versions/3"
    write(tmp_path, "1", {"result": "done", "status": 201}, resource=model)
    assert main(["audit", "show", "r", "--path", str(tmp_path)]) == 0
    assert "  models/delay/versions/3  " in capsys.readouterr().out


def test_json_holds_whole_events(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "r", "--json", "--path", str(log)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [event["event"] for event in found] == ["1", "3"]
    assert found[0]["outcome"]["status"] == 201
    assert found[1]["outcome"] == "unknown (no outcome recorded)"


def test_a_run_without_events_is_exit_code_1(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "nothing", "--path", str(log)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"No event of nothing in {log}.\n")


def test_a_whole_log_is_verified_and_a_changed_one_is_exit_code_1(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", "--path", str(log)]) == 0
    assert capsys.readouterr().out == f"3 file(s), 8 record(s) in {log}: whole\n"
    emptied, path, *_ = sorted(log.glob("*/*.jsonl"), key=lambda each: b"app-1" in each.read_bytes())
    path.write_bytes(path.read_bytes().replace(b"app-1", b"app-2"))
    emptied.write_bytes(b"")
    assert main(["audit", "verify", "--path", str(log)]) == 1
    note, problem, verdict = capsys.readouterr().out.splitlines()
    assert note.startswith("note     ")
    assert problem.startswith(f"PROBLEM  {path.parent.name}/{path.name}:2: ")
    assert verdict.endswith(": 1 problem(s)")


@pytest.mark.parametrize("words", [["show", "r"], ["verify"]])
def test_a_log_that_cannot_be_read_is_exit_code_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *words, "--path", str(tmp_path / "none")]) == 2
    assert "'" + str(tmp_path / "none") + "' is not a folder." in capsys.readouterr().err
    (tmp_path / "day" / "x.jsonl").mkdir(parents=True)
    assert main(["audit", *words, "--path", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_without_a_path_the_configured_folder_is_read(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT_PATH", str(log))
    assert main(["audit", "verify"]) == 0
    assert str(log) in capsys.readouterr().out


def test_a_diagnosis_is_a_row_with_its_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "1", None, who=None, action="diagnosis", detail={"cause": "No role on the lake."})
    assert main(["audit", "show", "r", "--path", str(tmp_path)]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert "aml (-)" in row
    assert row.endswith("No role on the lake.")
