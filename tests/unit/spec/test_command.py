# SPDX-License-Identifier: Apache-2.0
"""Command jobs: their own fields. Equality with azure-ai-ml: tests/wire/test_spec_against_sdk.py."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.spec.command import iso_duration
from tests.unit.spec.definition import COMMAND, compiled, refuses


def test_a_full_definition_becomes_a_full_body() -> None:
    body = compiled(
        environment_variables={"A": 1, "B": True},
        limits={"timeout": 5400},
        resources={"instance_count": 2, "shm_size": "2g", "docker_args": ["--x"]},
        distribution={"type": "pytorch", "process_count_per_instance": 4},
        queue_settings={"job_tier": "Spot", "priority": "low"},
    )
    assert (body["jobType"], body["command"]) == ("Command", "echo")
    assert body["environmentVariables"] == {"A": "1", "B": "True"}
    assert body["limits"] == {"timeout": "PT1H30M", "jobLimitsType": "Command"}
    resources = {"instanceCount": 2, "properties": {}, "dockerArgsList": ["--x"], "shmSize": "2g"}
    assert body["resources"] == resources
    assert body["distribution"] == {"distributionType": "PyTorch", "processCountPerInstance": 4}
    assert body["queueSettings"] == {"jobTier": "Spot", "priority": 1}


def test_what_is_not_given_is_not_sent() -> None:
    assert {"limits", "resources", "distribution", "queueSettings", "codeId"} & set(compiled()) == set()


def test_docker_arguments_may_be_one_text() -> None:
    assert compiled(resources={"docker_args": "--x --y"})["resources"]["dockerArgs"] == "--x --y"


def test_tensorflow_may_go_without_parameter_servers() -> None:
    distribution = {"type": "tensorflow", "parameter_server_count": 0, "worker_count": 2}
    assert compiled(distribution=distribution)["distribution"]["parameterServerCount"] == 0


@pytest.mark.parametrize(
    "seconds, text",
    [
        (1, "PT1S"),
        (60, "PT1M"),
        (3661, "PT1H1M1S"),
        (86400, "P1D"),
        (90061, "P1DT1H1M1S"),
        (86399, "PT23H59M59S"),
    ],
)
def test_a_duration_is_written_in_its_canonical_form(seconds: int, text: str) -> None:
    assert iso_duration(seconds) == text


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"comand": "x"}, "comand", "Did you mean 'command'?"),
        ({"command": " "}, "command", "Add it"),
        ({"command": 3}, "command", "in quotes"),
        ({"environment": None}, "environment", "azureml:NAME:VERSION"),
        ({"limits": {"timeout": "1h"}}, "timeout", "whole number"),
        ({"limits": {"timeout": True}}, "timeout", "whole number"),
        ({"limits": {"timeout": 0}}, "timeout", "from 1 on"),
        ({"resources": {"instance_cont": 1}}, "instance_cont", "Did you mean 'instance_count'?"),
        ({"queue_settings": {"job_tier": "cheap"}}, "job_tier", "spot"),
        ({"distribution": {}}, "type", "pytorch"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
