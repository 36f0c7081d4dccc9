# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_azureml.rest.timestamp import moment

SECOND = datetime(2026, 1, 1, 2, 3, 4, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-01-01T02:03:04Z", SECOND),
        ("2026-01-01T02:03:04+00:00", SECOND),
        ("2026-01-01T02:03:04", SECOND),
        ("2026-01-01T04:03:04+02:00", SECOND),
        ("2026-01-01T02:03:04.5Z", SECOND + timedelta(seconds=0.5)),
        ("2026-01-01T02:03:04.1234567Z", SECOND + timedelta(microseconds=123456)),
        ("2026-01-01T02:03:04.1234567+00:00", SECOND + timedelta(microseconds=123456)),
    ],
)
def test_azures_spellings_of_a_time_are_read(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", ".5Z"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert moment(text) is None
