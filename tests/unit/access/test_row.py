# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.access.evaluate import Decision
from airflow_provider_azureml.access.row import Row, plane_of, worst
from tests.unit.access.places import RAW, VAULT, WORKSPACE


def test_a_mismatch_names_its_field_and_a_scope_is_short() -> None:
    row = Row("train", "run", "data", "Reader", RAW, "MISMATCH", "ALLOWED", "why", "condition")
    assert row.cells()[4:7] == ("container:nightlylake/raw", "ALLOWED", "MISMATCH(condition)")
    assert row.to_dict()["field"] == "condition"
    assert Row("a", "b", "c", "d", "", "OK").cells()[4:6] == ("-", "-")


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        ("OK", False),
        ("REFUSED", False),
        ("MISSING", True),
        ("EXTRA", True),
        ("UNKNOWN", True),
        ("BY HAND", True),
    ],
)
def test_what_is_as_declared_or_refused_on_purpose_is_no_finding(state: str, finding: bool) -> None:
    assert Row("a", "b", "c", "d", "", state).is_finding is finding


def test_each_scope_has_its_plane() -> None:
    assert [plane_of(scope) for scope in (RAW, VAULT, WORKSPACE)] == ["data", "vault", "ARM"]


def test_the_worst_decision_counts_and_none_is_unknown() -> None:
    found = [Decision(verdict, "") for verdict in ("ALLOWED", "CONDITIONAL", "UNKNOWN", "DENIED")]  # type: ignore[arg-type]
    assert [worst(found[:end]).verdict for end in (1, 2, 3, 4)] == [
        "ALLOWED",
        "CONDITIONAL",
        "UNKNOWN",
        "DENIED",
    ]
    assert worst([]).verdict == "UNKNOWN"
