# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.cli.access_init import HEADER
from airflow_provider_azureml.cli.console import main


def test_a_manifest_that_exists_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "access.yaml"
    path.write_text("mine")
    assert main(["access", "init", str(tmp_path), "--manifest", str(path)]) == 2
    assert "exists. Give another file, or --force." in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_the_first_line_is_the_editors() -> None:
    assert HEADER.splitlines()[0] == "# yaml-language-server: $schema=access.schema.json"
