# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.manifest_file import load
from tests.unit.access.manifests import SOUND


def written(folder: Path, text: str) -> Path:
    path = folder / "access.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_what_it_holds(tmp_path: Path) -> None:
    assert load(written(tmp_path, yaml.safe_dump(SOUND))).identities[0].name == "train"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nidentitys: {}\n", r"access\.yaml, line 2: field 'identitys': is unknown"),
        ("version: [1\n", r"is not valid YAML: .* line 2, column 1"),
        ("version: !!python/object:os.system 1\n", "is not valid YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n" + "c: " + "[" * 80 + "]" * 80, "nested deeper"),
        ("", r"access\.yaml.*: is empty"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load(written(tmp_path, text))


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"'{tmp_path}/none.yaml' was looked for"):
        load(tmp_path / "none.yaml")
