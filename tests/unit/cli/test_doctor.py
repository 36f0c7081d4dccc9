# SPDX-License-Identifier: Apache-2.0
"""How it is called and printed; what it finds is in tests/unit/checks and tests/wire/test_doctor.py."""

from __future__ import annotations

from airflow_provider_azureml.checks.finding import missing, present, unknown
from airflow_provider_azureml.cli.console import main, parser
from airflow_provider_azureml.cli.doctor import rows


def test_it_takes_a_connection_a_job_places_and_a_text() -> None:
    given = parser().parse_args(["doctor", "c", "--job", "a", "--uri", "u", "--uri", "v", "--reader", "r"])
    assert (given.conn_id, given.job, given.uri, given.reader, given.error) == ("c", "a", ["u", "v"], "r", "")


def test_a_mend_stands_below_its_row_and_no_text_can_look_like_one() -> None:
    lines = rows(
        [
            present("token", 4, "it\nsigns in"),
            missing("data", 7, "no role", "az x"),
            unknown("vault", 9, "403"),
        ]
    )
    assert lines[0] == "4  token              present   it signs in"
    assert lines[1].startswith("7  data               MISSING   no role")
    assert lines[2].strip() == "mend: az x"
    assert len(lines) == 4


def test_a_connection_that_is_not_there_is_no_look(capsys) -> None:
    assert main(["doctor", "there_is_none"]) == 2
    assert "airflow connections list" in capsys.readouterr().err
