# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_azureml.cli.console import main, parser
from tests.unit.cli.definitions import COMMANDS, COUNT, GREET, GROUPS

FORBIDDEN = ("airflow", "azure", "aiohttp", "requests", "msal")


def test_words_and_arguments_become_a_command() -> None:
    given = parser(COMMANDS, GROUPS).parse_args(["greet", "you", "--loud"])
    assert (given.command, given.name, given.loud) == (GREET, "you", True)
    assert parser(COMMANDS, GROUPS).parse_args(["things", "count"]).command is COUNT


@pytest.mark.parametrize("words", [[], ["things"], ["nothing"], ["greet"], ["greet", "you", "--lo"]])
def test_wrong_words_end_with_argparses_code(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser(COMMANDS, GROUPS).parse_args(words)
    assert caught.value.code == 2
    assert "usage: airflow-azureml" in capsys.readouterr().err


def test_help_names_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "Azure Machine Learning for Apache Airflow" in capsys.readouterr().out


def test_help_loads_neither_airflow_nor_anything_of_azure() -> None:
    code = (
        "import sys\nfrom airflow_provider_azureml.cli.console import parser\nparser().format_help()\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
