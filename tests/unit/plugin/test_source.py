# SPDX-License-Identifier: Apache-2.0
"""The rest of it needs Airflow's database: tests/airflow/test_page.py."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_azureml.plugin.source import days_between

DAY = datetime(2026, 1, 31, 23, 30, tzinfo=timezone.utc)


def test_a_run_is_looked_for_in_each_of_its_days() -> None:
    assert days_between(DAY, DAY) == ["2026-01-31"]
    assert days_between(DAY, DAY + timedelta(hours=1)) == ["2026-01-31", "2026-02-01"]


def test_the_days_are_those_of_the_logs_own_zone() -> None:
    east = DAY.astimezone(timezone(timedelta(hours=5)))
    assert days_between(east, east) == ["2026-01-31"]


def test_a_run_without_an_end_is_looked_for_everywhere() -> None:
    assert days_between(DAY, DAY + timedelta(days=90)) == []
