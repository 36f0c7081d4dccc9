# SPDX-License-Identifier: Apache-2.0
"""Who reads what; the verdicts themselves are in tests/wire/test_verify.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.operators.verifying import verifier


def task() -> Any:
    settings = SimpleNamespace(client_id="c", tenant_id="t")
    return SimpleNamespace(hook=SimpleNamespace(azureml_conn_id="train", settings=settings))


def test_the_broker_reads_role_assignments_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__BROKER_CONN_ID", "broker")
    assert verifier(task()).reader.azureml_conn_id == "broker"


def test_without_a_broker_the_submitter_reads_what_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__BROKER_CONN_ID", raising=False)
    assert verifier(task()).reader.azureml_conn_id == "train"
