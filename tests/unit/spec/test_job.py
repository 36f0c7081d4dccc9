# SPDX-License-Identifier: Apache-2.0
"""Bad definitions: each gets one error that names the field and the mend, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.compiled import fingerprint, stamp
from airflow_provider_azureml.spec.job import compile_job

WS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
COMMAND: dict[str, Any] = {"type": "command", "command": "echo", "environment": "azureml:e:1"}
SPARK_CONF = {"driver_cores": 1, "driver_memory": "1g", "executor_cores": 1, "executor_memory": "1g"}
DATA = {"type": "uri_folder", "path": "azureml://datastores/lake/paths/x"}


def compiled(**fields: Any) -> dict[str, Any]:
    return dict(compile_job({**COMMAND, **fields}, WS).properties)


@pytest.fixture
def spark(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "main.py").write_text("print()")
    return {
        "type": "spark",
        "code": str(tmp_path),
        "entry": {"file": "main.py"},
        "conf": {**SPARK_CONF, "executor_instances": 1},
        "resources": {"instance_type": "standard_e4s_v3", "runtime_version": "3.5"},
        "identity": {"type": "managed"},
    }


@pytest.mark.parametrize(
    "fields, name, mend",
    [
        ({"comand": "x"}, "comand", "Did you mean 'command'?"),
        ({"command": " "}, "command", "Add it"),
        ({"command": 3}, "command", "in quotes"),
        ({"environment": None}, "environment", "azureml:NAME:VERSION"),
        ({"environment": "azureml:e@latest"}, "environment", "azureml:e:VERSION"),
        (
            {"environment": {"image": "x", "conda_file": {"name": "x"}}},
            "conda_file",
            "conda environment file",
        ),
        ({"environment": {"imagee": "x"}}, "image", "Add it"),
        ({"compute": "a b"}, "compute", "name of a compute target"),
        ({"compute": "local"}, "compute", "Name a compute target"),
        ({"identity": {"type": "manged"}}, "type", "Did you mean 'managed'?"),
        ({"identity": {"type": "managed", "client_id": "me"}}, "client_id", "Copy the id"),
        ({"identity": {"type": "aml_token", "client_id": "x"}}, "type", "managed"),
        ({"limits": {"timeout": "1h"}}, "timeout", "whole number"),
        ({"limits": {"timeout": True}}, "timeout", "whole number"),
        ({"limits": {"timeout": 0}}, "timeout", "from 1 on"),
        ({"resources": {"instance_cont": 1}}, "instance_cont", "Did you mean 'instance_count'?"),
        ({"queue_settings": {"job_tier": "cheap"}}, "job_tier", "spot"),
        ({"distribution": {}}, "type", "pytorch"),
        ({"inputs": {"1a": 1}}, "1a", "letters"),
        ({"inputs": {"a": None}}, "a", "Write a text"),
        ({"inputs": {"a": {"type": "uri_file", "path": "/etc/hostname"}}}, "path", "AzureDataLakeHook"),
        ({"inputs": {"a": {"path": "/no/such"}}}, "path", "Correct the path"),
        ({"inputs": {"a": {**DATA, "mode": "mounted"}}}, "mode", "Did you mean 'mount'?"),
        ({"outputs": {"o": {"path": "out"}}}, "path", "Write a URI"),
        ({"command": "x ${{inputs.dta}}", "inputs": {"data": 1}}, "command", "Did you mean 'data'?"),
        ({"command": "x ${{outputs.m}}"}, "command", "Add it"),
        ({"code": "/no/such/folder"}, "code", "Correct the path"),
        ({"code": "src"}, "code", "absolute path"),
        ({"code": "/etc/hostname"}, "code", "folder that holds it"),
        ({"code": "https://x/y"}, "code", "azureml:NAME:VERSION"),
        ({"name": "mine"}, "name", "display_name"),
        ({"services": {"ssh": {}}}, "services", "REST body"),
        ({"type": "pipeline"}, "type", "REST body"),
        ({"type": "comand"}, "type", "Did you mean 'command'?"),
        ({"type": None}, "type", "Choose one of"),
        ({"tags": ["a"]}, "tags", "mapping"),
        ({3: "x"}, "job", "quotes"),
    ],
    ids=lambda value: next(iter(value), None) if isinstance(value, dict) else None,
)
def test_a_malformed_field_is_named_with_its_mend(fields: dict[Any, Any], name: str, mend: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(**fields) if all(isinstance(key, str) for key in fields) else compile_job(
            {**COMMAND, **fields}, WS
        )
    assert name in caught.value.field
    assert mend in str(caught.value)


@pytest.mark.parametrize(
    "fields, name, mend",
    [
        ({"code": None}, "code", "entry file"),
        ({"entry": {"file": "other.py"}}, "file", "Correct it"),
        ({"entry": {"class_name": "x.Y"}}, "class_name", "Python 'file'"),
        ({"conf": SPARK_CONF}, "spark.executor.instances", "dynamic allocation"),
        ({"conf": {**SPARK_CONF, "driver_core": 1}}, "driver_core", "Did you mean 'driver_cores'?"),
        ({"conf": {"executor_instances": 1}}, "spark.driver.cores", "Add it"),
        ({"conf": {**SPARK_CONF, "dynamic_allocation_enabled": True}}, "minExecutors", "needs one"),
        ({"compute": "azureml:pool"}, "resources", "exactly one"),
        (
            {"resources": {"instance_type": "huge", "runtime_version": "3.5"}},
            "instance_type",
            "standard_e4s_v3",
        ),
        ({"resources": {"instance_type": "standard_e4s_v3"}}, "runtime_version", "Add it"),
        ({"inputs": {"raw": DATA}}, "inputs", "mode: direct"),
    ],
)
def test_a_malformed_spark_field_is_named_with_its_mend(
    spark: dict[str, Any], fields: dict[str, Any], name: str, mend: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_job({**spark, **fields}, WS)
    assert name in caught.value.field
    assert mend in str(caught.value)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("type: [", "not valid YAML"),
        ("- a\n- b\n", "is list"),
        ("", "is empty"),
        ("a: !!python/object/apply:os.system [true]", "not valid YAML"),
        ("day: 2024-99-99", "not valid YAML"),
        ("[" * 20_000, "nested deeper"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "aliases expanded",
        ),
        ("a: &a {b: *a}", "nested deeper"),
        ("x" * (1 << 20) + "x", "larger than"),
    ],
    ids=["broken", "list", "empty", "tag", "date", "brackets", "bomb", "recursive", "large"],
)
def test_a_hostile_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "job.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        compile_job(path, WS)


def test_an_absent_file_is_named_with_the_place_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        compile_job(tmp_path / "absent.yml", WS)


def test_code_is_relative_to_the_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "job.yml").write_text("type: command\ncommand: x\ncode: src\nenvironment: azureml:e:1\n")
    assert compile_job(tmp_path / "job.yml", WS).code == tmp_path / "src"


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


def test_a_rest_body_passes_as_it_stands() -> None:
    properties = {"jobType": "Pipeline", "jobs": {"a": {"type": "command"}}}
    assert compile_job({"properties": properties}, WS).body() == {"properties": properties}


@pytest.mark.parametrize(
    "job, overrides",
    [
        ({"properties": {"jobType": "Pipelin"}}, {}),
        ({"properties": {"jobType": "Sweep"}, "name": "x"}, {}),
        ({"properties": {"jobType": "Sweep"}}, {"inputs": {"a": 1}}),
    ],
)
def test_a_rest_body_that_we_cannot_honour_is_refused(job: dict[str, Any], overrides: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        compile_job(job, WS, overrides)


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


def test_the_fingerprint_changes_with_definition_and_code_only() -> None:
    one, same = compile_job(COMMAND, WS), compile_job(dict(COMMAND), WS)
    other = compile_job({**COMMAND, "command": "ls"}, WS)
    assert fingerprint(one) == fingerprint(same)
    assert len({fingerprint(one), fingerprint(other), fingerprint(one, "code")}) == 3
