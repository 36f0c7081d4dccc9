# SPDX-License-Identifier: Apache-2.0
"""The one entry: which compiler a definition goes to, and what an operator's arguments change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.spec.job import compile_job
from tests.unit.spec.definition import COMMAND, DATA, WS, compiled, refuses


@pytest.mark.parametrize(
    "job, name, mend",
    [
        ({**COMMAND, "type": "pipeline"}, "type", "REST body"),
        ({**COMMAND, "type": "sweep"}, "type", "REST body"),
        ({**COMMAND, "type": "comand"}, "type", "Did you mean 'command'?"),
        ({**COMMAND, "type": None}, "type", "Choose one of"),
        ({**COMMAND, "type": 3}, "type", "in quotes"),
        ({**COMMAND, 3: "x"}, "job", "quotes"),
        ({}, "type", "Choose one of"),
    ],
)
def test_a_definition_of_no_kind_that_we_compile_says_which_there_are(job: Any, name: str, mend: str) -> None:
    refuses(job, name, mend)


def test_the_schema_may_say_the_kind() -> None:
    schema = "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json"
    assert compile_job({**COMMAND, "type": None, "$schema": schema}, WS).kind == "Command"


def test_the_kind_is_known_in_any_case_of_letters() -> None:
    assert compiled(type="Command")["jobType"] == "Command"


def test_a_file_and_a_dict_of_the_same_content_are_the_same_job(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("type: command\ncommand: echo\nenvironment: azureml:e:1\n")
    assert compile_job(tmp_path / "job.yml", WS) == compile_job(str(tmp_path / "job.yml"), WS)
    assert dict(compile_job(tmp_path / "job.yml", WS).properties) == compiled()


def test_a_text_for_a_declared_input_is_its_new_path() -> None:
    body = compile_job(
        {**COMMAND, "inputs": {"d": {**DATA, "mode": "download"}}}, WS, {"inputs": {"d": "azureml:f:2"}}
    )
    assert body.properties["inputs"]["d"] == {
        "uri": f"{WS}/data/f/versions/2",
        "mode": "Download",
        "jobInputType": "uri_folder",
    }


def test_overrides_add_change_and_leave_alone() -> None:
    job = {**COMMAND, "inputs": {"a": 1, "b": 2}, "identity": {"type": "aml_token"}}
    body = compile_job(
        job, WS, {"inputs": {"b": 3, "c": 4}, "identity": "managed", "outputs": None}
    ).properties
    assert {key: value["value"] for key, value in body["inputs"].items()} == {"a": "1", "b": "3", "c": "4"}
    assert body["identity"] == {"identityType": "Managed"}


def test_a_mapping_for_a_declared_input_changes_its_fields() -> None:
    given = {"d": {**DATA, "mode": "download"}}
    found = compile_job({**COMMAND, "inputs": given}, WS, {"inputs": {"d": {"mode": "direct"}}})
    assert found.properties["inputs"]["d"]["mode"] == "Direct"
    assert found.properties["inputs"]["d"]["uri"] == DATA["path"]


def test_overrides_do_not_change_the_definition_itself() -> None:
    job = {**COMMAND, "inputs": {"a": 1}}
    compile_job(job, WS, {"inputs": {"a": 2}})
    assert job["inputs"] == {"a": 1}
