# SPDX-License-Identifier: Apache-2.0
"""Who asks, and which jobs earlier tries left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError, DeniedError, ServiceError, UnreachableError
from airflow_provider_azureml.operators import attempt
from airflow_provider_azureml.operators.attempt import (
    Claim,
    attempt_of,
    deployment_id,
    highest,
    is_of_another_run,
)
from airflow_provider_azureml.rest.intent import CANCEL_TAG
from airflow_provider_azureml.rest.job import Job
from airflow_provider_azureml.triggers.job import OWNER
from tests.unit.canned import BROKEN, DENIED, UNKNOWN_JOB, CannedHook, arm_job, states

BEGAN = datetime(2026, 1, 1, 2, 3, 4, tzinfo=timezone.utc)
BATCH = "/batchrundata"


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "prod")


@pytest.fixture
def claim_of() -> Callable[..., Claim]:
    def make(fingerprint: str = "f", **changes: Any) -> Claim:
        place = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
        state = {"try_number": 2, "max_tries": 3, "start_date": BEGAN}
        return Claim.of({"ti": SimpleNamespace(**{**place, **state, **changes})}, fingerprint)

    return make


def job(claim: Claim, **changes: Any) -> Job:
    marks = {**claim.marks, **claim.fence}
    return Job(
        **{"name": claim.name(0), "status": "Running", "job_type": "Command", "properties": marks, **changes}
    )


def test_neither_try_nor_epoch_nor_definition_is_in_the_name(claim_of) -> None:
    names = {
        claim.name(0) for claim in (claim_of(), claim_of("g"), claim_of(try_number=9), claim_of(max_tries=9))
    }
    assert len(names) == 1


@pytest.mark.parametrize(
    "field, value", [("dag_id", "x"), ("run_id", "x"), ("task_id", "x"), ("map_index", 0)]
)
def test_another_task_instance_has_another_name(claim_of, field: str, value: Any) -> None:
    assert claim_of(**{field: value}).base != claim_of().base


def test_another_airflow_on_the_same_workspace_has_another_name(claim_of, monkeypatch) -> None:
    here = claim_of().base
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "staging")
    assert claim_of().base != here


def test_without_a_deployment_id_nothing_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__DEPLOYMENT_ID")
    with pytest.raises(ConfigurationError, match="AIRFLOW__AZUREML__DEPLOYMENT_ID"):
        deployment_id()


def test_a_job_that_a_claim_was_stamped_on_is_read_back_as_its_attempt(claim_of) -> None:
    claim = claim_of()
    found = attempt_of(job(claim, created_at="2026-01-01T02:03:05.1234567Z"), claim, 4)
    assert (found.number, found.status, found.try_number, found.epoch) == (4, "Running", 2, 3)
    assert found.fingerprint == "f"
    assert found.created == datetime(2026, 1, 1, 2, 3, 5, 123456, tzinfo=timezone.utc)
    assert not found.cancel_intent


def test_a_cancel_of_ours_is_seen_on_the_job(claim_of) -> None:
    claim = claim_of()
    assert attempt_of(job(claim, tags={CANCEL_TAG: "killed"}), claim, 0).cancel_intent


@pytest.mark.parametrize("text", ["2026-01-01T02:03:04Z", "2026-01-01T02:03:04+00:00", "2026-01-01T02:03:04"])
def test_azures_spellings_of_a_time_are_one_moment(claim_of, text: str) -> None:
    claim = claim_of()
    assert attempt_of(job(claim, created_at=text), claim, 0).created == BEGAN


def test_where_azure_does_not_say_when_the_try_does(claim_of) -> None:
    claim = claim_of()
    assert attempt_of(job(claim), claim, 0).created == BEGAN


@pytest.mark.parametrize("marks", [{}, {OWNER: "somebody", attempt.TRY: "1"}, {attempt.TRY: "1"}])
def test_a_job_of_our_name_that_is_not_ours_is_never_touched(claim_of, marks: dict[str, str]) -> None:
    claim = claim_of()
    with pytest.raises(ConfigurationError, match="this task did not submit it"):
        attempt_of(job(claim, properties=marks), claim, 0)


def test_a_job_of_ours_without_a_try_is_not_ours(claim_of) -> None:
    claim = claim_of()
    with pytest.raises(ConfigurationError, match="deployment_id"):
        attempt_of(job(claim, properties={**claim.marks, attempt.TRY: "two"}), claim, 0)


def test_a_cancel_that_an_earlier_try_could_not_send_is_its_intent(claim_of) -> None:
    claim = replace(claim_of(), wished_cancel=claim_of().name(3))
    assert attempt_of(job(claim, name=claim.name(3)), claim, 3).cancel_intent
    assert not attempt_of(job(claim), claim, 0).cancel_intent


def test_the_very_try_that_submitted_a_job_knows_it_again(claim_of) -> None:
    claim = claim_of()
    assert attempt_of(job(claim), claim, 0).is_mine
    assert not attempt_of(job(claim), claim_of(start_date=BEGAN + timedelta(seconds=1)), 0).is_mine
    assert not attempt_of(job(claim), claim_of(try_number=3), 0).is_mine


@pytest.mark.parametrize(
    "mark, own, is_another",
    [
        ("0 2026-01-01", "0 2026-01-01", False),
        ("0 2026-01-01", "0 2026-01-02", True),  # deleted, and made again
        ("0 2026-01-01", "1 2026-01-02", False),  # cleared: the epoch of each task decides
        ("2 2026-01-01", "1 2026-01-02", True),
        ("", "0 2026-01-02", False),
        ("0 2026-01-01", "", False),
    ],
)
def test_a_run_that_was_deleted_and_made_again_is_another_run(mark: str, own: str, is_another: bool) -> None:
    assert is_of_another_run(mark, own) is is_another


@pytest.mark.parametrize(
    "clears, retries, try_number, epoch",
    [
        (1, 2, 1, -1),  # cleared after the first try, with 2 retries left of 3: max_tries is 3 again
        (0, 2, 1, 3),  # edited, and not cleared: a retry of the same request
        (1, 3, 1, 3),  # another task of the run was cleared
        (1, 2, 2, 3),  # a try of this very epoch
        (1, None, 1, 3),  # not known
    ],
)
def test_a_clear_is_seen_though_an_edit_of_retries_gives_it_the_old_epoch(
    claim_of, clears: int, retries: int | None, try_number: int, epoch: int
) -> None:
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    vars(ti).update(try_number=3, max_tries=3, start_date=BEGAN)
    run = SimpleNamespace(start_date=BEGAN, clear_number=clears)
    claim = Claim.of({"ti": ti, "dag_run": run, "task": SimpleNamespace(retries=retries)})
    earlier = claim_of(try_number=try_number)
    marks = {**claim.marks, **earlier.fence, attempt.RUN_BEGAN: f"0 {BEGAN.isoformat()}"}
    assert attempt_of(job(claim, properties=marks), claim, 0).epoch == epoch


def test_the_mark_of_the_run_is_on_the_job(claim_of) -> None:
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    vars(ti).update(try_number=1, max_tries=0, start_date=BEGAN)
    run = SimpleNamespace(start_date=BEGAN, clear_number=2)
    claim = Claim.of({"ti": ti, "dag_run": run})
    assert claim.marks[attempt.RUN_BEGAN] == f"2 {BEGAN.isoformat()}"
    assert claim_of().marks[attempt.RUN_BEGAN] == ""


def test_a_job_that_ended_and_was_deleted_is_a_number_without_a_job(claim_of) -> None:
    claim = claim_of()
    azure = CannedHook().on("POST", BATCH, states({claim.name(2): "Completed"}))
    azure.on("GET", f"/jobs/{claim.name(2)}", UNKNOWN_JOB)
    assert azure.run(highest(azure.workspace, claim)) == (2, None)


def test_a_job_that_runs_and_that_arm_does_not_know_is_passed_over_by_nobody(claim_of) -> None:
    claim = claim_of()
    azure = CannedHook().on("POST", BATCH, states({claim.name(2): "Running"}))
    azure.on("GET", f"/jobs/{claim.name(2)}", UNKNOWN_JOB)
    with pytest.raises(UnreachableError, match="run history says that this job is Running"):
        azure.run(highest(azure.workspace, claim))


def test_an_attempt_that_run_history_does_not_show_yet_is_asked_for_by_name(claim_of) -> None:
    claim = claim_of()
    azure = CannedHook().on("POST", BATCH, states({}))
    azure.on("GET", f"/jobs/{claim.name(1)}", arm_job(claim.name(1), "Running"))
    number, found = azure.run(highest(azure.workspace, claim, known=1))
    assert (number, found.name) == (1, claim.name(1))


def test_the_highest_attempt_is_found_past_gaps_in_one_request(claim_of) -> None:
    claim, azure = claim_of(), CannedHook()
    statuses = {claim.name(0): "Failed", claim.name(7): "Running"}
    azure.on("POST", BATCH, states(statuses)).on(
        "GET", f"/jobs/{claim.name(7)}", arm_job(claim.name(7), "Running")
    )
    number, found = azure.run(highest(azure.workspace, claim))
    assert (number, found.name) == (7, claim.name(7))
    assert len(azure.asked("POST", BATCH)) == 1


def test_a_window_that_is_full_to_its_end_is_followed_by_the_next(claim_of) -> None:
    claim, azure = claim_of(), CannedHook()
    last = claim.name(attempt.WINDOW + 1)
    statuses = {claim.name(attempt.WINDOW - 1): "Failed", last: "Failed"}
    azure.on("POST", BATCH, states(statuses)).on("GET", f"/jobs/{last}", arm_job(last, "Failed"))
    assert azure.run(highest(azure.workspace, claim))[0] == attempt.WINDOW + 1


def test_no_attempt_is_none(claim_of) -> None:
    azure = CannedHook().on("POST", BATCH, states({}))
    assert azure.run(highest(azure.workspace, claim_of())) is None


@pytest.mark.parametrize("refusal", [DENIED, BROKEN])
def test_where_the_batch_endpoint_is_closed_arm_lists_by_owner(claim_of, refusal: Any) -> None:
    claim, azure = claim_of(), CannedHook()
    listed = {"value": [arm_job(claim.name(1), "Failed"), arm_job("other-9", "Running")]}
    azure.on("POST", BATCH, refusal).on("GET", "/jobs", listed)
    azure.on("GET", f"/jobs/{claim.name(1)}", arm_job(claim.name(1), "Failed"))
    assert azure.run(highest(azure.workspace, claim))[0] == 1
    assert f"properties={OWNER}%3D{claim.base}" in azure.asked("GET", "/jobs")[0].url


def test_an_attempt_whose_existence_is_not_known_is_not_passed_over(claim_of) -> None:
    claim, azure = claim_of(), CannedHook()
    unreadable = {
        "failedResults": {claim.name(0): {"error": {"code": "ServiceError", "message": "try later"}}}
    }
    azure.on("POST", BATCH, unreadable)
    with pytest.raises(ServiceError, match="try later"):
        azure.run(highest(azure.workspace, claim))


def test_a_denial_of_both_ways_is_an_error_and_no_absence(claim_of) -> None:
    azure = CannedHook().on("POST", BATCH, DENIED).on("GET", "/jobs", DENIED)
    with pytest.raises(DeniedError):
        azure.run(highest(azure.workspace, claim_of()))
