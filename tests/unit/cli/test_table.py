# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.cli.table import say, table


def test_columns_are_aligned_and_lines_end_without_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    table([("A", "B"), ("long", ""), ("x", "y")])
    assert capsys.readouterr().out == "A     B\nlong\nx     y\n"


def test_a_line_break_in_a_name_is_no_new_row(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[31m")
    assert capsys.readouterr().out == "a?b?[31m\n"
