# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.cli.access import COMMANDS
from airflow_provider_azureml.cli.console import parser


def test_each_command_takes_what_it_needs() -> None:
    given = parser().parse_args(["access", "init", "dags", "--manifest", "m", "--namespace", "ml", "--force"])
    assert (given.dags, given.manifest, given.namespace, given.force, given.conn_id) == (
        "dags",
        "m",
        "ml",
        True,
        "azureml_default",
    )
    given = parser().parse_args(["access", "check", "--dags", "d", "--all", "--json"])
    assert (given.manifest, given.dags, given.all, given.json) == ("access.yaml", "d", True, True)
    assert parser().parse_args(["access", "plan", "d", "--json"]).json is True


def test_each_that_looks_at_azure_says_what_its_exit_codes_mean() -> None:
    told = [command.words[1] for command in COMMANDS if "Exit code 0" in command.description]
    assert told == ["init", "plan", "check"]
