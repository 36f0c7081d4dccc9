# SPDX-License-Identifier: Apache-2.0
"""How a definition names things of the workspace."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.reference import compute, versioned
from tests.unit.spec.definition import COMMAND, WS, fields, refuses

REGISTRY = "azureml://registries/r/environments/e/versions/1"


def environment_id(value: str) -> str:
    return versioned(fields(), "environment", value, "environments", WS)


@pytest.mark.parametrize("value", ["azureml:e:1", "e:1"])
def test_a_name_and_a_version_are_an_id_of_the_workspace(value: str) -> None:
    assert environment_id(value) == f"{WS}/environments/e/versions/1"


@pytest.mark.parametrize(
    "value, expected",
    [
        (REGISTRY, REGISTRY),
        (f"{WS}/environments/e/versions/1", f"{WS}/environments/e/versions/1"),
        (f"azureml:{WS}/environments/e/versions/1", f"{WS}/environments/e/versions/1"),
        ("azureml:AzureML-sklearn-1.5:9", "azureml:AzureML-sklearn-1.5:9"),
        ("AzureML-sklearn-1.5@latest", "azureml:AzureML-sklearn-1.5@latest"),
    ],
)
def test_what_the_service_resolves_itself_passes(value: str, expected: str) -> None:
    assert environment_id(value) == expected


@pytest.mark.parametrize(
    "value", ["azureml:e", "azureml:e@latest", "azureml:e:", "e:1:2", "azureml:a b:1", "azureml:"]
)
def test_what_names_no_version_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"names no version.*VERSION"):
        environment_id(value)


def test_no_compute_is_serverless() -> None:
    assert compute(fields(), WS) is None


@pytest.mark.parametrize("value", ["azureml:cpu", "cpu", f"{WS}/computes/cpu", f"azureml:{WS}/computes/cpu"])
def test_every_spelling_of_a_compute_is_its_id(value: str) -> None:
    assert compute(fields(compute=value), WS) == f"{WS}/computes/cpu"


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"compute": "a b"}, "compute", "name of a compute target"),
        ({"compute": "local"}, "compute", "Name a compute target"),
        ({"compute": 3}, "compute", "in quotes"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
