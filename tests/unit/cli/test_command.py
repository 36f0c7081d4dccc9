# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from argparse import Namespace

import pytest

from airflow_provider_azureml.cli.command import FOUND, UNUSABLE
from tests.unit.cli.definitions import BREAK, COUNT


def test_the_exit_code_is_what_the_command_found() -> None:
    assert COUNT.carry_out(Namespace()) == FOUND


def test_an_error_of_ours_is_one_line_that_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert BREAK.carry_out(Namespace()) == UNUSABLE
    assert capsys.readouterr().err == "airflow-azureml things break: things: are broken. Mend them.\n"
