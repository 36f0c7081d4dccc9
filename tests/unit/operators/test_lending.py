# SPDX-License-Identifier: Apache-2.0
"""What is leased for a job, and what becomes of it when the job ends; over HTTP in tests/wire/test_verify.py."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.access import grant as decide
from airflow_provider_azureml.access.evaluate import Decision, Need
from airflow_provider_azureml.access.needs import Wanted
from airflow_provider_azureml.access.verify import Judged
from airflow_provider_azureml.errors import ConfigurationError, JobUserError
from airflow_provider_azureml.operators import lending
from airflow_provider_azureml.operators.lending import Lender
from airflow_provider_azureml.rest.assignment import Grant
from airflow_provider_azureml.rest.lease import Lease, Register, Seen

SCOPE, READER = "/subscriptions/s", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
READS = Wanted("run", Need("a/read", SCOPE, data=True), "reads", "Storage Blob Data Reader", "p")
GRANT = Grant("p", READER, SCOPE, role_name="Storage Blob Data Reader")


def judged(wanted: Wanted = READS, verdict: Any = "DENIED", by: str = "") -> Judged:
    return Judged(wanted, Decision(verdict, "", by))


def test_a_run_identity_is_granted_the_least_role_for_what_it_needs() -> None:
    assert lending.candidates([judged(), judged()]) == [GRANT]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("submitter", READS.need, "reads", READS.role, "p"),
        Wanted("run", READS.need, "reads", "AML Job Submitter", "p"),
        Wanted("run", READS.need, "reads", "", "p"),
        Wanted("run", READS.need, "reads", READS.role, ""),
        Wanted("run", READS.need, "reads", READS.role, "p", secret="AccountKey"),
        Wanted("run", READS.need, "reads", READS.role, "p", doubt="who knows"),
    ],
)
def test_nobody_else_and_nothing_else_is_granted(wanted: Wanted) -> None:
    assert lending.grant_of(wanted) is None


def test_what_is_there_for_a_while_is_leased_too_and_what_stands_is_not() -> None:
    ours = judged(verdict="ALLOWED", by=f"{SCOPE}/x/{GRANT.name.upper()}")
    later = judged(verdict="ALLOWED", by=Grant("p", READER, SCOPE, generation=3).id)
    much_later = judged(verdict="ALLOWED", by=Grant("p", READER, SCOPE, generation=100).id)
    standing = judged(verdict="ALLOWED", by=f"{SCOPE}/x/another")
    assert list(lending.shared([ours, later, much_later])) == [GRANT] * 3
    assert list(lending.shared([standing, judged()])) == []


def lender(run_id: str) -> Lender:
    ti = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=-1, max_tries=0, try_number=1)
    ti.start_date = datetime.now(timezone.utc)
    task: Any = SimpleNamespace(try_number=1)
    return Lender(task, {"ti": ti})


def test_two_runs_at_the_same_try_are_two_and_none_enters_while_the_other_deletes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "d")
    monkeypatch.setenv("AIRFLOW__AZUREML__BROKER_CONN_ID", "broker")
    first, again, second = (lender(run_id) for run_id in ("one", "one", "two"))
    deleting = Seen(
        Register((Lease(first.holder, first.token, 2e9),), closing=first.token), "e", 1e9, age=1.0
    )
    assert isinstance(decide.take(deleting, Lease(second.holder, second.token, 2e9), {}), decide.Wait)
    assert isinstance(decide.give_back(deleting, second.holder, second.token), decide.Wait)
    assert isinstance(decide.give_back(deleting, again.holder, again.token), decide.Close)


@pytest.mark.parametrize(
    "text, try_number, stays",
    [
        ("AuthorizationPermissionMismatch: This request is not authorized", 1, True),
        ("ScriptExecution.StreamAccess: StreamError(PermissionDenied(", 1, True),
        ("AuthorizationPermissionMismatch", 3, False),
        ("exit code 1", 1, False),
    ],
)
def test_a_grant_that_may_not_have_arrived_stays_for_the_next_try(
    text: str, try_number: int, stays: bool
) -> None:
    ti = SimpleNamespace(try_number=try_number, max_tries=2)
    assert lending._may_be_too_early(JobUserError("j", "Failed", text), ti) is stays


def test_a_job_that_is_not_waited_for_is_granted_nothing() -> None:
    task: Any = SimpleNamespace(wait_for_completion=False)
    with pytest.raises(ConfigurationError, match="wait_for_completion"), lending.lent(task, {}):
        raise AssertionError("it began")


@pytest.mark.parametrize("given", ["soon", "-1", "901", "nan"])
def test_a_wait_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__GRANT_WAIT", given)
    with pytest.raises(ConfigurationError, match="grant_wait"):
        lending.minimum_wait()


def test_a_wait_is_two_minutes_unless_somebody_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__GRANT_WAIT", raising=False)
    assert lending.minimum_wait() == 120.0
    monkeypatch.setenv("AIRFLOW__AZUREML__GRANT_WAIT", "300")
    assert lending.minimum_wait() == 300.0
