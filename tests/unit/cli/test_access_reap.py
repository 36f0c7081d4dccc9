# SPDX-License-Identifier: Apache-2.0
"""What it says at its end; a whole pass is in tests/wire/test_grants.py."""

from __future__ import annotations

import pytest

from airflow_provider_azureml.cli.access_reap import advise
from airflow_provider_azureml.cli.console import main, parser
from airflow_provider_azureml.hooks.grant_reaping import GrantTally

SCOPE = "/subscriptions/s/resourceGroups/g"


@pytest.mark.parametrize(
    "words, tally, code",
    [
        ([], GrantTally(), 0),
        ([], GrantTally(ours=2), 0),
        ([], GrantTally(ours=2, due=1), 1),
        (["--yes"], GrantTally(due=2, deleted=1, kept=1), 0),
        (["--yes"], GrantTally(due=2, deleted=1, failed=1), 1),
    ],
)
def test_the_exit_code_says_whether_something_is_left_for_a_person(
    words: list[str], tally: GrantTally, code: int
) -> None:
    assert advise(tally, parser().parse_args(["access", "reap", "--scope", SCOPE, *words]), "b") == code


def test_a_dry_run_says_how_to_do_it(capsys: pytest.CaptureFixture[str]) -> None:
    advise(GrantTally(due=1), parser().parse_args(["access", "reap", "--scope", SCOPE, "/x"]), "broker")
    said = capsys.readouterr().out
    given = parser().parse_args(said.split("\n")[-2].split()[1:])
    assert (given.conn_id, given.scope, given.yes) == ("broker", [SCOPE, "/x"], True)


def test_without_a_broker_it_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__BROKER_CONN_ID", raising=False)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    assert main(["access", "reap", "--scope", SCOPE]) == 2
    assert "BROKER_CONN_ID" in capsys.readouterr().err
