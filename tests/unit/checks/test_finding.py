# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.checks import finding


def test_only_what_is_missing_is_a_problem() -> None:
    assert finding.missing("x", 7, "no role", "az").is_problem
    for made in (finding.present("x", 7, ""), finding.unknown("x", 7, ""), finding.unused("x", 7, "")):
        assert not made.is_problem
        assert made.hint == ""


def test_there_are_nine_planes() -> None:
    assert sorted(finding.PLANES) == list(range(1, 10))
