# SPDX-License-Identifier: Apache-2.0
"""The table itself; what each row is for is tested in test_diagnose.py."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from airflow_provider_azureml.access.diagnose import diagnose
from airflow_provider_azureml.access.table import TABLE, Row
from tests.unit.access.refusals import NEAR_MISSES, SAMPLES

PLANES = {"Entra", "ARM", "data", "vault"}
FILLED_IN = {"who", "app", "role"}  # blanks that diagnose fills where a text does not tell
each_row = pytest.mark.parametrize("row", TABLE, ids=[row.pattern[:30] for row in TABLE])


@each_row
def test_a_row_says_where_why_and_what_to_do(row: Row) -> None:
    assert row.plane in PLANES
    assert row.cause.endswith((".", ")"))
    assert row.mend


@each_row
def test_every_blank_of_a_row_is_a_group_of_its_pattern(row: Row) -> None:
    blanks = {name for text in (row.cause, row.mend) for _, name, _, _ in Formatter().parse(text) if name}
    assert blanks - FILLED_IN <= set(re.compile(row.pattern).groupindex)


def test_every_row_is_the_first_match_of_some_real_text() -> None:
    """A row that an earlier one always hides says nothing to anybody."""
    reached = {finding.cause for text, _, _ in SAMPLES if (finding := diagnose(text))}
    hidden = [row.pattern for row in TABLE if not any(_is_of(row, cause) for cause in reached)]
    assert hidden == []


def test_every_row_of_the_fact_sheet_is_here() -> None:
    assert {row.number for row in TABLE} >= set(range(1, 37))


@each_row
def test_a_row_says_what_would_confirm_it(row: Row) -> None:
    assert row.confirm


@pytest.mark.parametrize("number", sorted({row.number for row in TABLE}))
def test_a_text_that_is_nearly_one_of_a_row_is_not_taken_for_it(number: int) -> None:
    finding = diagnose(NEAR_MISSES[number])
    assert finding is None or finding.number != number


def test_the_number_of_a_finding_is_that_of_its_row() -> None:
    reached = {finding.number for text, _, _ in SAMPLES if (finding := diagnose(text))}
    assert reached == {row.number for row in TABLE}


def _is_of(row: Row, cause: str) -> bool:
    fixed = [re.escape(text) for text, _, _, _ in Formatter().parse(row.cause)]
    return re.fullmatch(".*".join([*fixed, ""]), cause, re.DOTALL) is not None
