# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.cli.access import FORMATS
from airflow_provider_azureml.cli.console import main

MANIFEST = Path(__file__).parents[3] / "dags_examples" / "access.yaml"


@pytest.mark.parametrize(
    ("name", "told"),
    list(
        zip(
            FORMATS,
            (
                "az role assignment create",
                '"Microsoft.Authorization/roleAssignments"',
                "targetScope",
                "azurerm_role_assignment",
            ),
            strict=True,
        )
    ),
)
def test_each_format_is_printed_without_a_look_at_azure(
    name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["access", "export", "--manifest", str(MANIFEST), "--format", name]) == 0
    assert told in capsys.readouterr().out


def test_a_broken_manifest_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.yaml").write_text("version: 3\n")
    assert main(["access", "export", "--manifest", str(tmp_path / "m.yaml")]) == 2
    assert capsys.readouterr().out == ""
