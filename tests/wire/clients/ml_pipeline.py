# SPDX-License-Identifier: Apache-2.0
"""A pipeline of two steps, from YAML as the documentation has it: the second reads the first's output."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from azure.ai.ml import load_job
from ml_client import GIVEN, connect, report

PIPELINE = f"""
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
name: pipe-{GIVEN["unique"]}
experiment_name: wire
settings:
  default_compute: serverless
inputs:
  word: seven
jobs:
  write:
    type: command
    command: echo ${{{{inputs.word}}}} > ${{{{outputs.words}}}}/word.txt
    environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
    inputs: {{word: "${{{{parent.inputs.word}}}}"}}
    outputs: {{words: {{type: uri_folder}}}}
    identity: {{type: managed, client_id: {GIVEN["run_client_id"]}}}
  read:
    type: command
    command: echo read $(cat ${{{{inputs.words}}}}/word.txt)
    environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
    inputs: {{words: "${{{{parent.jobs.write.outputs.words}}}}"}}
    identity: {{type: managed, client_id: {GIVEN["run_client_id"]}}}
"""

ml = connect()
with tempfile.TemporaryDirectory() as folder:
    definition = Path(folder) / "pipeline.yml"
    definition.write_text(PIPELINE)
    job = ml.jobs.create_or_update(load_job(definition))

streamed = io.StringIO()
with contextlib.redirect_stdout(streamed):
    ml.jobs.stream(job.name)

children = {child.display_name: child for child in ml.jobs.list(parent_job_name=job.name)}
with tempfile.TemporaryDirectory() as folder:
    logs = {}
    for name, child in children.items():
        ml.jobs.download(child.name, download_path=f"{folder}/{name}")
        texts = [path.read_text() for path in Path(folder, name).rglob("std_log.txt")]
        logs[name] = "".join(texts)
report(
    status=ml.jobs.get(job.name).status,
    streamed=streamed.getvalue(),
    children={name: child.status for name, child in children.items()},
    logs=logs,
)
