# SPDX-License-Identifier: Apache-2.0
"""Spark jobs: real PySpark, real hadoop-azure, the run identity's token. One session per test: slow."""

from __future__ import annotations

import json
from typing import Any

import pytest

PROGRAM = b"""
import argparse
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--words")
parser.add_argument("--counts")
given = parser.parse_args()
spark = SparkSession.builder.getOrCreate()
words = spark.read.csv(given.words, header=True)
words.groupBy("word").count().write.mode("overwrite").parquet(given.counts)
print("ROWS", spark.read.parquet(given.counts).count(), spark.conf.get("spark.custom"))
"""


def spark(workspace: Any, identity: str) -> dict[str, Any]:
    workspace.lake.ensure_container("wsstore", "code")
    workspace.lake.write("wsstore", "code", "spark/main.py", PROGRAM)
    workspace.lake.write("lake", "data", "words/a.csv", b"word\na\nb\na\n")
    code = {"properties": {"codeUri": "https://wsstore.blob.core.windows.net/code/spark"}}
    data = "azureml://datastores/data/paths"
    return {
        "jobType": "Spark",
        "codeId": workspace.arm("PUT", "/codes/spark/versions/1", code).json()["id"],
        "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "main.py"},
        "args": "--words ${{inputs.words}} --counts ${{outputs.counts}}",
        "conf": {"spark.driver.memory": "64g", "spark.executor.instances": "2", "spark.custom": "honoured"},
        "resources": {"instanceType": "standard_e4s_v3", "runtimeVersion": "3.4"},
        "inputs": {"words": {"jobInputType": "uri_folder", "uri": f"{data}/words", "mode": "Direct"}},
        "outputs": {"counts": {"jobOutputType": "uri_folder", "uri": f"{data}/counts", "mode": "Direct"}},
        "identity": workspace.managed(identity),
    }


@pytest.mark.timeout(300)
def test_spark_reads_and_writes_the_lake_as_the_run_identity(workspace: Any) -> None:
    body = {"properties": spark(workspace, "runner")}
    assert workspace.arm("PUT", "/jobs/spark", body).status_code == 201
    assert workspace.wait("spark", seconds=280)["status"] == "Completed", workspace.error("spark")
    assert "ROWS 2 honoured" in workspace.log("spark")
    assert "changeit" not in workspace.log("spark")
    assert any(path.endswith(".parquet") for path in workspace.lake.list("lake", "data", "counts/"))
    lines = (workspace.cloud.data / "requests.jsonl").read_text().splitlines()
    driver = [line for line in map(json.loads, lines) if "Azure Blob FS/3.3.4" in line["user_agent"]]
    assert {line["object_id"] for line in driver} == {workspace.identity("runner").principal_id}


@pytest.mark.timeout(300)
def test_spark_is_refused_where_its_run_identity_has_no_role(workspace: Any) -> None:
    body = {"properties": spark(workspace, "powerless")}
    assert workspace.arm("PUT", "/jobs/spark-denied", body).status_code == 201
    assert workspace.wait("spark-denied", seconds=280)["status"] == "Failed"
    error = workspace.error("spark-denied")
    assert "java.nio.file.AccessDeniedException" in error, error
    assert "403, HEAD, https://lake.dfs.core.windows.net" in error, error


def test_without_java_a_spark_job_says_so(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    body = {"properties": spark(workspace, "runner")}
    workspace.arm("PUT", "/jobs/spark-no-java", body)
    assert workspace.wait("spark-no-java", seconds=280)["status"] == "Failed"
    assert "Java is missing on this machine" in workspace.error("spark-no-java")


def test_compute_and_resources_exclude_each_other(workspace: Any) -> None:
    body = {**spark(workspace, "runner"), "computeId": f"{workspace.scope}/computes/cluster"}
    answer = workspace.arm("PUT", "/jobs/spark-both", {"properties": body})
    assert answer.status_code == 400
    assert "Only one of computeId and resources" in answer.json()["error"]["message"]
