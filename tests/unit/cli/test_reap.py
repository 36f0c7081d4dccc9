# SPDX-License-Identifier: Apache-2.0
"""What `reap` says at its end; a whole pass is in tests/wire/test_reaper.py."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.cli.console import main, parser
from airflow_provider_azureml.cli.reap import advise
from airflow_provider_azureml.hooks.reaping import Tally


@pytest.mark.parametrize(
    "words, tally, code",
    [
        ([], Tally(), 0),
        ([], Tally(checked=2, left=2), 0),
        ([], Tally(checked=2, left=1, due=1), 1),
        ([], Tally(checked=1, unknown=1), 1),
        (["--yes"], Tally(checked=2, due=2, cancelled=2), 0),
        (["--yes"], Tally(checked=2, due=2, cancelled=1, ended=1), 0),
        (["--yes"], Tally(checked=2, due=2, cancelled=1, failed=1), 1),
        (["--yes"], Tally(checked=2, due=1, cancelled=1, unknown=1), 1),
    ],
)
def test_the_exit_code_says_whether_something_is_left_for_a_person(
    words: list[str], tally: Tally, code: int
) -> None:
    assert advise(tally, parser().parse_args(["reap", *words])) == code


def test_a_dry_run_says_how_to_do_it(capsys: pytest.CaptureFixture[str]) -> None:
    advise(Tally(checked=1, due=1), parser().parse_args(["reap", "--conn-id", "aml", "--grace", "60"]))
    said = capsys.readouterr().out
    assert "Nothing was cancelled" in said
    assert said.endswith("airflow-azureml reap --conn-id aml --grace 60 --yes\n")
    given = parser().parse_args(said.split("\n")[-2].split()[1:])
    assert (given.conn_id, given.grace, given.yes) == ("aml", 60.0, True)


def test_nothing_is_cancelled_unless_it_is_said() -> None:
    given = parser().parse_args(["reap"])
    assert (given.yes, given.conn_id, given.grace) == (False, "azureml_default", 300.0)


def test_an_airflow_without_a_name_is_told_so_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", raising=False)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")  # the command sets it; so it is put back
    assert main(["reap"]) == 2
    assert "Set AIRFLOW__AZUREML__DEPLOYMENT_ID" in capsys.readouterr().err


def test_a_connection_that_does_not_exist_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "prod")
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    assert main(["reap", "--conn-id", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("airflow-azureml reap: --conn-id: ")
    assert "nowhere" in said
