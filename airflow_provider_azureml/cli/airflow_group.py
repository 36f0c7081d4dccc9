# SPDX-License-Identifier: Apache-2.0
"""The same commands as `airflow azureml ...`: the provider key `cli`, which Airflow 3.2 and later read."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_azureml.cli.command import Argument, Command
from airflow_provider_azureml.cli.commands import COMMANDS, GROUPS


def get_commands() -> list[Any]:
    """What Airflow adds to its own command line."""
    return [group(COMMANDS, GROUPS)]


def group(commands: Sequence[Command], groups: Mapping[str, str]) -> Any:
    """The group `azureml`, in Airflow's own words; `groups` has the help of groups inside it."""
    from airflow.cli.cli_config import GroupCommand

    made: list[Any] = [_action(command) for command in commands if len(command.words) == 1]
    for name, text in groups.items():
        below = [_action(command) for command in commands if command.words[:-1] == (name,)]
        made.append(GroupCommand(name=name, help=text, subcommands=below))
    return GroupCommand(name="azureml", help="Azure Machine Learning", subcommands=made)


def _action(command: Command) -> Any:
    from airflow.cli.cli_config import ActionCommand

    return ActionCommand(
        name=command.words[-1],
        help=command.help,
        func=_exiting(command),
        args=[_arg(argument) for argument in command.arguments],
        description=command.description or command.help,
    )


def _arg(argument: Argument) -> Any:
    from airflow.cli.cli_config import Arg

    return Arg(flags=argument.flags, help=argument.help, **argument.options)


def _exiting(command: Command) -> Callable[[Namespace], None]:
    """Airflow ignores what a command returns; the exit code has to be raised."""

    def run(given: Namespace) -> None:
        code = command.carry_out(given)
        if code:
            raise SystemExit(code)

    return run
