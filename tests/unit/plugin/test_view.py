# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_azureml.access.report import (
    CheckLine,
    Difference,
    GrantLine,
    IdentityLine,
    Report,
    TaskLine,
)
from airflow_provider_azureml.audit.denial import Denial
from airflow_provider_azureml.plugin.inventory import TaskUse
from airflow_provider_azureml.plugin.view import EMPTY, age_seconds, overview

CHECK = CheckLine("run", "blobs/read", "/c", "DENIED", "no role")
REPORT = Report(
    made_at="2026-01-01T00:00:00+00:00",
    identities=(
        IdentityLine("app", grants=(GrantLine("Reader", "/w"),)),
        IdentityLine("uami"),
        IdentityLine("other"),
    ),
    tasks=(
        TaskLine("d", "t", "aml", "federated", "t.yml", "ml", "app", "uami", (CHECK,)),
        TaskLine("hidden", "t", "aml_2", "federated", submitter="other"),
    ),
    differences=(
        Difference("EXTRA", "app", "holds more"),
        Difference("EXTRA", "other", "holds more"),
        Difference("MISMATCH", "", "an account takes keys"),
    ),
)
DENIAL = Denial("2026-01-01T00:00:00+00:00", "r", 1, "aml", cause="no role")


def test_a_row_joins_the_dag_the_report_and_the_log() -> None:
    uses = [TaskUse("d", "t", "Operator", "aml", "jobs.yml")]
    found = overview({"d"}, uses, REPORT, {("d", "t"): DENIAL})
    [row] = found["tasks"]
    assert (row["operator"], row["job"], row["submitter"], row["run_identity"]) == (
        "Operator",
        "jobs.yml",
        "app",
        "uami",
    )
    assert (row["verdict"], row["source"]) == ("DENIED", "report")
    assert row["denial"]["cause"] == "no role"
    assert found["identities"]["app"]["grants"][0]["role"] == "Reader"


def test_a_task_that_is_not_in_the_report_is_unknown_and_knows_its_submitter_by_the_connection() -> None:
    uses = [TaskUse("e", "t", "Operator", "aml"), TaskUse("e", "u", "Operator", "elsewhere")]
    rows = overview({"e"}, uses, REPORT, {})["tasks"]
    assert [(row["verdict"], row["source"], row["submitter"]) for row in rows] == [
        ("UNKNOWN", "connection", "app"),
        ("UNKNOWN", "none", ""),
    ]
    assert [row["run_identity"] for row in rows] == ["", ""]


def test_a_task_that_only_the_log_knows_is_shown_too() -> None:
    [row] = overview({"d"}, [], EMPTY, {("d", "function"): DENIAL})["tasks"]
    assert (row["task_id"], row["connection"], row["verdict"]) == ("function", "aml", "UNKNOWN")


def test_nothing_of_a_dag_that_one_may_not_read_is_shown() -> None:
    uses = [TaskUse("d", "t", "Operator", "aml"), TaskUse("hidden", "t", "Operator", "aml_2")]
    found = overview({"d"}, uses, REPORT, {("hidden", "t"): DENIAL})
    assert [row["dag_id"] for row in found["tasks"]] == ["d"]
    assert sorted(found["identities"]) == ["app", "uami"]
    assert [item["subject"] for item in found["differences"]] == ["app", ""]
    assert overview(set(), uses, REPORT, {})["differences"] == []


@pytest.mark.parametrize(
    ("made_at", "seconds"),
    [
        ("2026-01-01T00:00:00+00:00", 60),
        ("2026-01-01T00:00:00Z", 60),
        ("2026-01-01T00:00:00", 60),
        ("2026-01-01T02:00:00+02:00", 60),
        ("2026-01-02T00:00:00Z", 0),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_report_has_an_age(made_at: str, seconds: float | None) -> None:
    now = datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc)
    assert age_seconds(made_at, now) == seconds
