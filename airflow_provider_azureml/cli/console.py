# SPDX-License-Identifier: Apache-2.0
"""The console script `airflow-azureml`: the same commands on every version of Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_azureml.cli.command import Command
from airflow_provider_azureml.cli.commands import COMMANDS, GROUPS


def parser(
    commands: Sequence[Command] = COMMANDS, groups: Mapping[str, str] = GROUPS
) -> argparse.ArgumentParser:
    """The whole command line; `groups` has the help of first words with further words below them."""
    top = argparse.ArgumentParser(
        "airflow-azureml", description="Azure Machine Learning for Apache Airflow.", allow_abbrev=False
    )
    below = top.add_subparsers(metavar="COMMAND", required=True)
    opened: dict[str, Any] = {}
    for command in commands:
        where = below
        if len(command.words) == 2:
            group = command.words[0]
            if group not in opened:
                made = below.add_parser(group, help=groups[group], description=groups[group])
                opened[group] = made.add_subparsers(metavar="COMMAND", required=True)
            where = opened[group]
        _add(where, command)
    return top


def _add(where: Any, command: Command) -> None:
    own = where.add_parser(
        command.words[-1],
        help=command.help,
        description=command.description or command.help,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for argument in command.arguments:
        own.add_argument(*argument.flags, help=argument.help, **argument.options)
    own.set_defaults(command=command)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the console script; returns the exit code."""
    given = parser().parse_args(argv)
    command: Command = given.command
    return command.carry_out(given)
