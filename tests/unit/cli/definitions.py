# SPDX-License-Identifier: Apache-2.0
"""Commands of the tests' own, and what they do."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow_provider_azureml.cli.command import FOUND, OK, Argument, Command
from airflow_provider_azureml.errors import ConfigurationError

_HERE = "tests.unit.cli.definitions"
GREET = Command(
    ("greet",),
    "Say hello",
    f"{_HERE}:greet",
    (
        Argument(("name",), "Whom.", {"metavar": "NAME"}),
        Argument(("--loud",), "Shout.", {"action": "store_true"}),
    ),
)
COUNT = Command(("things", "count"), "Count things", f"{_HERE}:count")
BREAK = Command(("things", "break"), "Fail", f"{_HERE}:fail")
COMMANDS = (GREET, COUNT, BREAK)
GROUPS = {"things": "About things"}


def greet(given: Namespace) -> int:
    text = f"hello {given.name}"
    sys.stdout.write((text.upper() if given.loud else text) + "\n")
    return OK


def count(given: Namespace) -> int:
    return FOUND


def fail(given: Namespace) -> int:
    raise ConfigurationError("things", "are broken.", "Mend them.")
