# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.dag_folder import read


def test_a_folder_that_is_not_there_is_an_error_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"DAGS: '.*none' does not exist"):
        read(tmp_path / "none")


def test_a_parse_that_dies_says_what_it_said_last(tmp_path: Path) -> None:
    (tmp_path / "dag.py").write_text(
        "# airflow DAG\nimport os\nos.write(2, b'gone to the moon\\n')\nos._exit(3)\n"
    )
    with pytest.raises(ConfigurationError, match="could not be parsed: gone to the moon"):
        read(tmp_path)
