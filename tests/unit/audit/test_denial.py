# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from airflow_provider_azureml.audit.denial import Denial, Denials
from airflow_provider_azureml.audit.event import DIAGNOSIS, Intent, Outcome, TaskKey, diagnosis
from airflow_provider_azureml.audit.sink import Journal

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clock:
    """Two seconds pass between two records."""

    def __init__(self) -> None:
        self.now = DAY

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=2)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    made = Journal(tmp_path, clock)
    yield made
    made.close()


def key(task: str = "t", run: str = "r", tried: int = 1) -> TaskKey:
    return TaskKey("d", run, task, -1, tried)


def request(journal: Journal, event: str, task: TaskKey | None, status: int = 403) -> None:
    intent = Intent(event, "jobs/write", "/w/jobs/j", "prod", "aml", "federated", task)
    journal.append(intent.to_dict())
    result = "refused" if status == 403 else "done"
    journal.append(Outcome(event, result, status, "AuthorizationFailed" if status == 403 else "").to_dict())


def explained(journal: Journal, task: TaskKey | None, resource: str = "") -> None:
    detail = diagnosis("ARM", "no role", "az role assignment create")
    journal.append(
        Intent("x", DIAGNOSIS, resource, "prod", "aml", "federated", task, detail=detail).to_dict()
    )
    journal.append(Outcome("x", "done", 0).to_dict())


def found(tmp_path: Path) -> dict[tuple[str, str], Denial]:
    return Denials().look(tmp_path).found


def test_a_refused_request_is_a_denial_of_its_task(journal: Journal, tmp_path: Path) -> None:
    request(journal, "1", key())
    request(journal, "2", key("other"), status=201)
    request(journal, "3", None)
    assert found(tmp_path) == {
        ("d", "t"): Denial(
            time="2026-01-01T00:00:10.000+00:00",
            run_id="r",
            try_number=1,
            connection="aml",
            action="jobs/write",
            resource="/w/jobs/j",
            answer="403 AuthorizationFailed",
        )
    }


def test_a_diagnosis_says_why_the_request_before_it_was_refused(journal: Journal, tmp_path: Path) -> None:
    request(journal, "1", key())
    explained(journal, key())
    denial = found(tmp_path)["d", "t"]
    assert (denial.answer, denial.plane, denial.cause) == ("403 AuthorizationFailed", "ARM", "no role")
    assert (denial.resource, denial.mend) == ("/w/jobs/j", "az role assignment create")


def test_the_diagnosis_of_another_try_does_not(journal: Journal, tmp_path: Path) -> None:
    request(journal, "1", key())
    explained(journal, key(tried=2), "/w/jobs/k")
    denial = found(tmp_path)["d", "t"]
    assert (denial.answer, denial.resource, denial.try_number) == ("", "/w/jobs/k", 2)


def test_the_newest_of_all_files_counts(journal: Journal, clock: Clock, tmp_path: Path) -> None:
    request(journal, "1", key(run="old"))
    other = Journal(tmp_path, clock)
    request(other, "2", key(run="new"))
    request(journal, "3", key(run="newest"))
    clock.now += timedelta(days=1)
    request(other, "4", key("u"))
    look = Denials().look(tmp_path)
    assert {task[1]: denial.run_id for task, denial in look.found.items()} == {"t": "newest", "u": "r"}
    assert (look.since, look.is_cut) == ("2026-01-01", False)


def test_a_file_is_read_again_only_when_it_has_grown(journal: Journal, tmp_path: Path) -> None:
    denials = Denials()
    request(journal, "1", key(run="one"))
    assert denials.look(tmp_path).found["d", "t"].run_id == "one"
    assert denials.look(tmp_path, budget=0).found["d", "t"].run_id == "one"
    request(journal, "2", key(run="two"))
    assert denials.look(tmp_path, budget=0).is_cut
    assert denials.look(tmp_path).found["d", "t"].run_id == "two"


def test_the_newest_days_are_read_first_when_the_log_is_too_large(
    journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    request(journal, "1", key("old"))
    clock.now += timedelta(days=1)
    request(journal, "2", key("new"))
    size = max(path.stat().st_size for path in tmp_path.glob("2026-01-02/*"))
    look = Denials().look(tmp_path, budget=size)
    assert list(look.found) == [("d", "new")]
    assert (look.since, look.is_cut) == ("2026-01-02", True)


def test_no_log_and_a_broken_line_are_no_denial(tmp_path: Path) -> None:
    assert found(tmp_path) == {}
    (tmp_path / "2026-01-01").mkdir()
    (tmp_path / "2026-01-01" / "x.jsonl").write_text('{"action":"diagnosis"}\n')
    assert found(tmp_path) == {}
