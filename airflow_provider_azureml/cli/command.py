# SPDX-License-Identifier: Apache-2.0
"""What a command is: said once, shown by `argparse` and by Airflow alike.

A new command is one file with a `Command`, and one line in `commands.py`.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from airflow_provider_azureml.errors import AzureMLError

OK, FOUND, UNUSABLE = 0, 1, 2
"""Exit codes: all is well; the command found what it looks for; it could not look (argparse's own code)."""


@dataclass(frozen=True)
class Argument:
    """One argument or option.

    :param flags: `("--path",)`, or `("run",)` for a positional one.
    :param options: further keywords of argparse's `add_argument`, of those that Airflow's `Arg` takes:
        `action`, `default`, `nargs`, `type`, `choices`, `required`, `metavar`, `dest`.
    """

    flags: tuple[str, ...]
    help: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """One command.

    :param words: how it is called below `airflow-azureml`, e.g. `("audit", "show")`.
    :param run: `module:function`, imported only when the command runs: `--help` and each call of
        `airflow` must not pay for it. The function takes argparse's Namespace and returns the exit code.
    """

    words: tuple[str, ...]
    help: str
    run: str
    arguments: tuple[Argument, ...] = ()
    description: str = ""

    def carry_out(self, given: Namespace) -> int:
        """Run it; an error of ours becomes one line, and exit code 2."""
        module, _, name = self.run.partition(":")
        try:
            return int(getattr(import_module(module), name)(given))
        except AzureMLError as error:
            sys.stderr.write(f"airflow-azureml {' '.join(self.words)}: {error}\n")
            return UNUSABLE
