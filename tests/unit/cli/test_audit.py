# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from airflow_provider_azureml.cli.audit import COMMANDS
from airflow_provider_azureml.cli.console import parser


def test_show_takes_a_run_and_filters_and_verify_only_a_path() -> None:
    words = ["audit", "show", "r", "--dag-id", "d", "--task-id", "t", "--path", "p", "--json"]
    given = parser().parse_args(words)
    assert (given.run, given.dag_id, given.task_id, given.path, given.json) == ("r", "d", "t", "p", True)
    assert parser().parse_args(["audit", "verify"]).path == ""


def test_each_says_what_its_exit_codes_mean() -> None:
    assert all("Exit code 0" in command.description for command in COMMANDS)
