# SPDX-License-Identifier: Apache-2.0
"""What a DAG author sees of the operators; what they do is in test_granting.py and tests/wire."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from airflow_provider_azureml.compat import AirflowFailException
from airflow_provider_azureml.operators.grant import (
    AzureMLGrantAccessOperator,
    AzureMLGrantReaperOperator,
    AzureMLRevokeAccessOperator,
)

GRANTS = [{"principal_id": "p", "role": "r", "scope": "/subscriptions/s"}]


def test_the_teardown_is_given_what_the_setup_was_granted() -> None:
    with DAG("d", start_date=datetime(2026, 1, 1)):
        grant = AzureMLGrantAccessOperator(task_id="grant", grants=GRANTS).as_setup()
        revoke = AzureMLRevokeAccessOperator(task_id="revoke", granted=grant.output).as_teardown(setups=grant)
    assert revoke.is_teardown
    assert grant.is_setup
    assert revoke.upstream_task_ids == {"grant"}


def test_what_people_template_is_templated() -> None:
    assert set(AzureMLGrantAccessOperator.template_fields) >= {"grants", "job", "azureml_conn_id"}
    assert set(AzureMLRevokeAccessOperator.template_fields) == {"azureml_conn_id", "granted"}
    assert set(AzureMLGrantReaperOperator.template_fields) == {"azureml_conn_id", "scopes"}


def test_times_are_seconds_and_the_reaper_begins_dry() -> None:
    made = AzureMLGrantAccessOperator(task_id="grant", grants=GRANTS)
    assert (made.valid_for, made.timeout, made.minimum_wait) == (21600, 900, 120)
    assert AzureMLGrantReaperOperator(task_id="reap", scopes=[]).is_dry_run


@pytest.mark.parametrize("kind", [AzureMLGrantAccessOperator, AzureMLRevokeAccessOperator])
def test_without_a_broker_the_error_says_how_to_name_one(kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__BROKER_CONN_ID", raising=False)
    with pytest.raises(AirflowFailException, match="BROKER_CONN_ID"):
        kind(task_id="t").execute({})


def test_the_broker_that_granted_is_the_one_that_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__BROKER_CONN_ID", raising=False)
    task = AzureMLRevokeAccessOperator(task_id="t", granted={"broker": "mine"})
    with pytest.raises(AirflowFailException, match="is no result of a grant"):
        task.execute({})
    assert task.azureml_conn_id == "mine"


def test_the_example_revokes_whatever_becomes_of_the_job_and_grants_beside_other_work() -> None:
    bag = DagBag(str(Path(__file__).parents[3] / "dags_examples" / "just_in_time.py"))
    assert bag.import_errors == {}
    tasks = bag.dags["just_in_time"].task_dict
    assert (tasks["grant"].is_setup, tasks["revoke"].is_teardown) == (True, True)
    assert tasks["grant"].upstream_task_ids == set()
    assert tasks["train"].upstream_task_ids == {"grant", "land"}
    assert tasks["revoke"].upstream_task_ids == {"grant", "train"}
