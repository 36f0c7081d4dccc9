# SPDX-License-Identifier: Apache-2.0
"""Spark jobs, with the checks that the service makes minutes later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.spec.job import compile_job
from tests.unit.spec.definition import DATA, WS, refuses, spark

CONF = {"driver_cores": 1, "driver_memory": "1g", "executor_cores": 1, "executor_memory": "1g"}
RANGE = {
    **CONF,
    "dynamic_allocation_enabled": True,
    "dynamic_allocation_min_executors": 1,
    "dynamic_allocation_max_executors": 4,
}


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"code": None}, "code", "entry file"),
        ({"entry": {"file": "other.py"}}, "file", "Correct it"),
        ({"entry": {"class_name": "x.Y"}}, "class_name", "Python 'file'"),
        ({"conf": CONF}, "spark.executor.instances", "dynamic allocation"),
        ({"conf": {**CONF, "driver_core": 1}}, "driver_core", "Did you mean 'driver_cores'?"),
        ({"conf": {"executor_instances": 1}}, "spark.driver.cores", "Add it"),
        ({"conf": {**CONF, "dynamic_allocation_enabled": True}}, "minExecutors", "needs one"),
        ({"compute": "azureml:pool"}, "resources", "exactly one"),
        (
            {"resources": {"instance_type": "huge", "runtime_version": "3.5"}},
            "instance_type",
            "standard_e4s_v3",
        ),
        ({"resources": {"instance_type": "standard_e4s_v3"}}, "runtime_version", "Add it"),
        ({"inputs": {"raw": DATA}}, "inputs", "mode: direct"),
        ({"outputs": {"out": None}}, "outputs", "mode: direct"),
        ({"entry": None}, "entry", "main.py"),
        ({"args": "${{inputs.x}}"}, "args", "Add it"),
        ({"jars": ["a.jar", "a.jar"]}, "jars", "Remove one"),
        ({"resources": None}, "resources", "exactly one"),
        ({"conf": {**RANGE, "dynamic_allocation_min_executors": 5}}, "minExecutors", "not above"),
        ({"conf": {**RANGE, "executor_instances": 9}}, "executor.instances", "within"),
        (
            {"conf": {**CONF, "executor_instances": 1, "dynamic_allocation_min_executors": 1}},
            "minExecutors",
            "Enable it",
        ),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(
    tmp_path: Path, changes: dict[str, Any], name: str, mend: str
) -> None:
    refuses(spark(tmp_path, **changes), name, mend)


def body(folder: Path, **changes: Any) -> dict[str, Any]:
    return dict(compile_job(spark(folder, **changes), WS).properties)


def test_a_definition_becomes_a_body(tmp_path: Path) -> None:
    made = compile_job(spark(tmp_path, args="--x", py_files=["a.zip"]), WS)
    assert made.code == tmp_path
    assert made.properties["jobType"] == "Spark"
    assert made.properties["entry"] == {"file": "main.py", "sparkJobEntryType": "SparkJobPythonEntry"}
    assert made.properties["conf"]["spark.executor.memory"] == "1g"
    assert made.properties["resources"] == {"instanceType": "standard_e4s_v3", "runtimeVersion": "3.5"}
    assert (made.properties["args"], made.properties["pyFiles"]) == ("--x", ["a.zip"])


def test_settings_of_spark_itself_pass(tmp_path: Path) -> None:
    conf = {**CONF, "executor_instances": 1, "spark.sql.shuffle.partitions": 8}
    assert body(tmp_path, conf=conf)["conf"]["spark.sql.shuffle.partitions"] == "8"


def test_dynamic_allocation_starts_with_the_smallest_number(tmp_path: Path) -> None:
    conf = body(tmp_path, conf=RANGE)["conf"]
    assert conf["spark.executor.instances"] == "1"
    assert conf["spark.dynamicAllocation.enabled"] == "True"


def test_a_fixed_number_says_nothing_of_dynamic_allocation(tmp_path: Path) -> None:
    conf = {**CONF, "executor_instances": 2, "dynamic_allocation_enabled": False}
    assert "spark.dynamicAllocation.enabled" not in body(tmp_path, conf=conf)["conf"]


def test_serverless_spark_runs_as_the_user_unless_more_is_said(tmp_path: Path) -> None:
    assert body(tmp_path, identity=None)["identity"] == {"identityType": "UserIdentity"}
    attached = body(tmp_path, identity=None, resources=None, compute="pool")
    assert "identity" not in attached


def test_a_runtime_version_may_be_written_without_quotes(tmp_path: Path) -> None:
    resources = {"instance_type": "standard_e8s_v3", "runtime_version": 3.4}
    assert body(tmp_path, resources=resources)["resources"]["runtimeVersion"] == "3.4"
