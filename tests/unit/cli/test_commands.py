# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import import_module

from airflow_provider_azureml.cli.commands import COMMANDS, GROUPS


def test_every_command_names_a_function_that_exists() -> None:
    for command in COMMANDS:
        module, _, name = command.run.partition(":")
        assert callable(getattr(import_module(module), name)), command.run


def test_words_are_unique_and_each_first_word_of_two_has_help() -> None:
    words = [command.words for command in COMMANDS]
    assert len(set(words)) == len(words)
    assert {each[0] for each in words if len(each) == 2} == set(GROUPS)
    assert {len(each) for each in words} <= {1, 2}
