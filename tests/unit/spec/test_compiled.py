# SPDX-License-Identifier: Apache-2.0
"""The compiled job: its body, its fingerprint, and the marks on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.spec.compiled import Compiled, EnvironmentDefinition, fingerprint, stamp
from airflow_provider_azureml.spec.job import compile_job
from tests.unit.spec.definition import COMMAND, WS


@pytest.mark.parametrize(
    "kind, place", [("Command", "environmentVariables"), ("Spark", "conf"), ("Pipeline", "inputs")]
)
def test_the_fence_stands_where_no_later_put_can_change_it(kind: str, place: str) -> None:
    body = {"properties": {"jobType": kind, place: {"own": "kept"}}}
    stamped = stamp(body, {"airflow.owner": "o"}, {"airflow.try": "1"})["properties"]
    assert stamped["properties"] == {"airflow.owner": "o", "airflow.try": "1"}
    assert stamped[place]["own"] == "kept"
    assert len(stamped[place]) == 2
    assert body == {"properties": {"jobType": kind, place: {"own": "kept"}}}


def test_a_kind_without_such_a_field_carries_its_marks_as_properties_alone() -> None:
    stamped = stamp({"properties": {"jobType": "Sweep"}}, {"airflow.owner": "o"}, {"airflow.try": "1"})
    marks = {"airflow.owner": "o", "airflow.try": "1"}
    assert stamped == {"properties": {"jobType": "Sweep", "properties": marks}}


def test_marks_are_added_to_the_properties_that_a_job_has() -> None:
    body = {"properties": {"jobType": "Sweep", "properties": {"mine": "kept"}}}
    assert stamp(body, {"airflow.owner": "o"}, {})["properties"]["properties"] == {
        "mine": "kept",
        "airflow.owner": "o",
    }


def test_the_body_holds_the_ids_of_what_was_uploaded() -> None:
    made = Compiled({"jobType": "Command"})
    assert made.body("c", "e") == {"properties": {"jobType": "Command", "codeId": "c", "environmentId": "e"}}
    assert made.body() == {"properties": {"jobType": "Command"}}
    assert made.kind == "Command"


def test_the_fingerprint_changes_with_definition_code_and_environment_only() -> None:
    one, same = compile_job(COMMAND, WS), compile_job(dict(reversed(COMMAND.items())), WS)
    other = compile_job({**COMMAND, "command": "ls"}, WS)
    image = Compiled(one.properties, environment=EnvironmentDefinition("i"))
    conda = Compiled(one.properties, environment=EnvironmentDefinition("i", "dependencies: []"))
    elsewhere = Compiled(one.properties, code=Path("/elsewhere"))
    assert fingerprint(one) == fingerprint(same) == fingerprint(elsewhere)
    assert len(fingerprint(one)) == 16
    found = {fingerprint(each) for each in (one, other, image, conda)} | {fingerprint(one, "code")}
    assert len(found) == 5
