# SPDX-License-Identifier: Apache-2.0
"""A Spark job on serverless compute that reads and writes the lake as its run identity."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from azure.ai.ml import Input, Output, spark
from azure.ai.ml.constants import AssetTypes, InputOutputModes
from azure.ai.ml.entities import ManagedIdentityConfiguration
from azure.ai.ml.exceptions import JobException
from ml_client import GIVEN, connect, report

ENTRY = """
import argparse
from pyspark.sql import SparkSession
parser = argparse.ArgumentParser()
parser.add_argument("--rows")
parser.add_argument("--doubled")
options = parser.parse_args()
spark = SparkSession.builder.getOrCreate()
rows = spark.read.csv(options.rows, header=True, inferSchema=True)
rows.selectExpr("a * 2 as a").coalesce(1).write.mode("overwrite").parquet(options.doubled)
print("sum", spark.read.parquet(options.doubled).groupBy().sum("a").first()[0])
spark.stop()
"""

ml = connect()
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "entry.py").write_text(ENTRY)
    job = ml.jobs.create_or_update(
        spark(
            name=f"spark-{GIVEN['unique']}",
            code=folder,
            entry={"file": "entry.py"},
            driver_cores=1,
            driver_memory="1g",
            executor_cores=1,
            executor_memory="1g",
            executor_instances=1,
            resources={"instance_type": "Standard_E4S_V3", "runtime_version": "3.5"},
            inputs={
                "rows": Input(
                    type=AssetTypes.URI_FOLDER,
                    path=f"azureml://datastores/lake/paths/{GIVEN['unique']}/rows",
                    mode=InputOutputModes.DIRECT,
                )
            },
            outputs={
                "doubled": Output(
                    type=AssetTypes.URI_FOLDER,
                    path=f"azureml://datastores/lake/paths/{GIVEN['unique']}/doubled",
                    mode=InputOutputModes.DIRECT,
                )
            },
            args="--rows ${{inputs.rows}} --doubled ${{outputs.doubled}}",
            identity=ManagedIdentityConfiguration(client_id=GIVEN["run_client_id"]),
        )
    )
streamed = io.StringIO()
with contextlib.redirect_stdout(streamed), contextlib.suppress(JobException):
    ml.jobs.stream(job.name)
report(status=ml.jobs.get(job.name).status, streamed=streamed.getvalue())
