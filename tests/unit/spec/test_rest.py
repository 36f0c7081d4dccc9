# SPDX-License-Identifier: Apache-2.0
"""A REST body of any kind is passed through."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.job import compile_job
from airflow_provider_azureml.spec.rest import KINDS, is_rest_body
from tests.unit.spec.definition import COMMAND, WS, refuses


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_passes_as_it_stands(kind: str) -> None:
    properties = {"jobType": kind, "jobs": {"a": {"type": "command"}}, "brandNew": [1, None]}
    found = compile_job({"properties": properties}, WS)
    assert found.body() == {"properties": properties}
    assert (found.kind, found.code, found.environment) == (kind, None, None)


def test_what_is_done_to_the_compiled_body_is_not_done_to_the_definition() -> None:
    given = {"properties": {"jobType": "Sweep", "tags": {}}}
    compile_job(given, WS).body()["properties"]["tags"]["x"] = "y"
    assert given == {"properties": {"jobType": "Sweep", "tags": {}}}


@pytest.mark.parametrize(
    "content, is_one",
    [
        ({"properties": {"jobType": "Sweep"}}, True),
        ({**COMMAND, "properties": {"mine": "x"}}, False),
        ({}, False),
    ],
)
def test_a_definition_with_properties_of_its_own_is_no_body(content: dict[str, Any], is_one: bool) -> None:
    assert is_rest_body(Document("job", content, None)) is is_one


@pytest.mark.parametrize(
    "job, overrides, name, mend",
    [
        ({"properties": {"jobType": "Pipelin"}}, {}, "jobType", "Choose one of"),
        ({"properties": {"jobType": ""}}, {}, "jobType", "Add it"),
        ({"properties": {"jobType": "Sweep"}, "name": "x"}, {}, "name", "Remove it"),
        ({"properties": {"jobType": "Sweep"}}, {"inputs": {"a": 1}}, "inputs", "in the body itself"),
        ({"properties": {"jobType": "Sweep"}}, {"identity": "managed"}, "identity", "in the body itself"),
    ],
)
def test_what_we_cannot_honour_is_refused(job: Any, overrides: Any, name: str, mend: str) -> None:
    refuses(job, name, mend, overrides)
