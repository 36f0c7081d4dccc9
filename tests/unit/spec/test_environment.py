# SPDX-License-Identifier: Apache-2.0
"""An environment is a reference, or is written in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.spec.compiled import EnvironmentDefinition
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.environment import environment
from tests.unit.spec.definition import COMMAND, NOWHERE, WS, fields, refuses

PACKAGES = {"name": "e", "dependencies": ["python=3.11", {"pip": ["pandas"]}]}


def test_a_reference_is_an_id_and_nothing_to_create() -> None:
    found = environment(fields(environment="azureml:e:1"), NOWHERE, WS)
    assert found == (f"{WS}/environments/e/versions/1", None)


def test_an_absent_environment_is_neither() -> None:
    assert environment(fields(), NOWHERE, WS) == (None, None)


def test_an_image_alone_is_an_environment() -> None:
    given = fields(environment={"image": "i", "description": "mine", "tags": {"a": "b"}})
    assert environment(given, NOWHERE, WS) == (None, EnvironmentDefinition("i"))


def test_packages_in_place_and_in_a_file_are_the_same_environment(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip: [pandas]\nname: e\n")
    here = Document("job.yml", {}, tmp_path)
    _, in_place = environment(fields(environment={"image": "i", "conda_file": PACKAGES}), here, WS)
    _, in_a_file = environment(fields(environment={"image": "i", "conda_file": "conda.yml"}), here, WS)
    assert in_place == in_a_file
    assert in_place is not None
    assert in_place.conda_file == "dependencies:\n- python=3.11\n- pip:\n  - pandas\nname: e\n"


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"environment": "azureml:e@latest"}, "environment", "azureml:e:VERSION"),
        ({"environment": {"imagee": "x"}}, "image", "Add it"),
        (
            {"environment": {"image": "x", "conda_file": {"name": "x"}}},
            "conda_file",
            "conda environment file",
        ),
        ({"environment": {"image": "x", "conda_file": "/no/such"}}, "conda_file", "Correct the path"),
        ({"environment": {"build": {"path": "."}}}, "build", "name it in 'image'"),
        ({"environment": {"image": "x", "name": "e"}}, "name", "azureml:NAME:VERSION"),
        ({"environment": {"image": "x", "os": "linux"}}, "os", "Remove it"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
