# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_provider_azureml.audit.event import UNKNOWN
from airflow_provider_azureml.audit.sink import Journal
from airflow_provider_azureml.audit.trail import Wanted, events

RUN = "manual__ü 1"
JOB = "/subscriptions/s/providers/M/workspaces/w/jobs/job-0"


def intent(
    event: str, dag: str = "d", task: str = "t", run: str = RUN, resource: str = JOB
) -> dict[str, object]:
    key = {"dag_id": dag, "run_id": run, "task_id": task, "map_index": -1, "try_number": 1}
    return {"kind": "intent", "event": event, "action": "a", "resource": resource, "task": key}


def outcome(event: str) -> dict[str, object]:
    return {"kind": "outcome", "event": event, "result": "done", "status": 200}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two writers whose events are interleaved in time, and a third that is about something else."""
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def clock() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    one, two, three = (Journal(tmp_path, clock) for _ in range(3))
    one.append(intent("1"))
    two.append(intent("2", task="u"))
    one.append(intent("3", resource="/x"))
    two.append(outcome("2"))
    one.append(outcome("1"))
    two.append(intent("4", dag="other"))
    three.append(intent("5", run="other", resource="/x"))
    three.append({"kind": "intent", "event": "6", "action": "a", "resource": JOB})
    return tmp_path


def ids(log: Path, *wanted: str) -> list[str]:
    return [event["event"] for event in events(log, Wanted(*wanted))]


def test_the_events_of_a_run_come_in_the_order_of_time_from_all_files(log: Path) -> None:
    assert ids(log, RUN) == ["1", "2", "3", "4"]


def test_a_job_is_found_by_its_name_even_without_a_task(log: Path) -> None:
    assert ids(log, "job-0") == ["1", "2", "4", "6"]
    assert ids(log, "job") == []


def test_dag_and_task_narrow_it_down(log: Path) -> None:
    assert ids(log, RUN, "d") == ["1", "2", "3"]
    assert ids(log, RUN, "d", "u") == ["2"]


def test_an_intent_without_outcome_is_unknown_and_one_with_it_is_not(log: Path) -> None:
    first, second, third, _ = events(log, Wanted(RUN))
    assert first["outcome"]["result"] == second["outcome"]["result"] == "done"
    assert third["outcome"] == UNKNOWN
    assert {"prev", "seq", "kind"} & first.keys() == set()
    assert "writer" in first


def test_lines_that_nobody_sealed_are_not_shown(log: Path) -> None:
    for path in log.glob("*/*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b'"event":"1"', b'"event":"9"') + b'{"torn')
    assert ids(log, RUN) == ["2", "3", "4"]


def test_only_the_wanted_days_are_read(log: Path) -> None:
    assert events(log, Wanted(RUN), ["2025-12-31"]) == []
    assert [event["event"] for event in events(log, Wanted(RUN), ["2026-01-01"])] == ["1", "2", "3", "4"]
