# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_azureml.access.row import Row
from airflow_provider_azureml.cli.access_check import report
from airflow_provider_azureml.cli.console import main

FINE = Row("train", "run", "data", "Reader", "", "OK", "ALLOWED", "role")
BAD = Row("train", "run", "data", "Writer", "", "MISSING", "DENIED", "no such\nrole")


def test_only_findings_are_shown_unless_all_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([FINE, BAD], is_json=False, shows_all=False) == 1
    head, line, total = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["IDENTITY", "PART", "PLANE"]
    assert "MISSING  no such?role" in line
    assert total == "2 compared, 1 finding(s)"
    assert report([FINE], is_json=False, shows_all=True) == 0
    assert "Reader" in capsys.readouterr().out


def test_json_holds_all_with_what_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([FINE, BAD], is_json=True, shows_all=False) == 1
    assert [line["is_finding"] for line in json.loads(capsys.readouterr().out)] == [False, True]


def test_nothing_declared_is_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([], is_json=False, shows_all=True) == 0
    assert capsys.readouterr().out == "0 compared, 0 finding(s)\n"


def test_a_broken_manifest_is_no_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "access.yaml"
    path.write_text("version: 1\nidentitys: {}\n")
    assert main(["access", "check", "--manifest", str(path)]) == 2
    assert "line 2: field 'identitys'" in capsys.readouterr().err
