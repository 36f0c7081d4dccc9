# SPDX-License-Identifier: Apache-2.0
"""The commands as Airflow's own parser takes them."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from airflow_provider_azureml.cli.airflow_group import get_commands, group
from tests.unit.cli.definitions import COMMANDS, GROUPS


def airflow_parser() -> argparse.ArgumentParser:
    """A parser that Airflow's own code has added the group to."""
    from airflow.cli.cli_parser import _add_command

    top = argparse.ArgumentParser("airflow")
    _add_command(top.add_subparsers(), group(COMMANDS, GROUPS))
    return top


def test_airflow_runs_a_command_with_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    given = airflow_parser().parse_args(["azureml", "greet", "you", "--loud"])
    given.func(given)
    assert capsys.readouterr().out == "HELLO YOU\n"


@pytest.mark.parametrize(("word", "code"), [("count", 1), ("break", 2)])
def test_the_exit_code_gets_through_airflow_which_ignores_what_a_command_returns(
    word: str, code: int
) -> None:
    given = airflow_parser().parse_args(["azureml", "things", word])
    with pytest.raises(SystemExit) as caught:
        given.func(given)
    assert caught.value.code == code


def test_airflow_gets_one_group_and_pays_for_nothing_of_azure() -> None:
    code = (
        "import sys\nfrom airflow_provider_azureml.cli.airflow_group import get_commands\n"
        "import airflow.cli.cli_config\nbefore = set(sys.modules)\nmade = get_commands()\n"
        "print([name for name in set(sys.modules) - before if name.split('.')[0] in ('azure', 'aiohttp')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert [each.name for each in get_commands()] == ["azureml"]
