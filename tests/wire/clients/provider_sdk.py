# SPDX-License-Identifier: Apache-2.0
"""Our operator with the extra `[sdk]`, beside a real Airflow: a pipeline from YAML, watched step by step."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GIVEN: dict[str, str] = json.loads(os.environ["WIRE_TEST"])
EXTRA = {
    "auth": "workload_identity",
    "tenant_id": os.environ["AZURE_TENANT_ID"],
    "client_id": os.environ["AZURE_CLIENT_ID"],
    "subscription_id": GIVEN["subscription"],
    "resource_group": GIVEN["group"],
    "workspace_name": GIVEN["workspace"],
}
with_airflow = tempfile.mkdtemp()
os.environ["AIRFLOW_HOME"] = with_airflow
os.environ["AIRFLOW_CONN_AZUREML_DEFAULT"] = json.dumps({"conn_type": "azureml", "extra": EXTRA})
os.environ["AIRFLOW__AZUREML__DEPLOYMENT_ID"] = f"sdk-{GIVEN['unique']}"
warnings.simplefilter("ignore")

from airflow_provider_azureml.hooks.azureml import AzureMLHook  # noqa: E402
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator  # noqa: E402
from airflow_provider_azureml.rest import job as job_flows  # noqa: E402
from airflow_provider_azureml.sensors.job import AzureMLChildJobSensor  # noqa: E402

PIPELINE = f"""
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings:
  default_compute: serverless
inputs:
  word: seven
jobs:
  write:
    type: command
    command: bash say.sh ${{{{inputs.word}}}} > ${{{{outputs.words}}}}/word.txt
    code: ./source
    environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
    inputs: {{word: "${{{{parent.inputs.word}}}}"}}
    outputs: {{words: {{type: uri_folder}}}}
    identity: {{type: managed, client_id: {GIVEN["run_client_id"]}}}
  read:
    type: command
    command: grep eight ${{{{inputs.words}}}}/word.txt
    environment: {{image: mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04}}
    inputs: {{words: "${{{{parent.jobs.write.outputs.words}}}}"}}
    identity: {{type: managed, client_id: {GIVEN["run_client_id"]}}}
"""


def context(number: int) -> dict[str, Any]:
    """One try of the task."""
    place = {"dag_id": "wire", "task_id": "pipe", "run_id": GIVEN["unique"], "map_index": -1}
    state = {"try_number": number, "max_tries": 0, "start_date": datetime.now(timezone.utc)}
    return {"ti": SimpleNamespace(**place, **state, xcom_push=lambda key, value: None)}


def run(definition: Path, number: int, **options: Any) -> dict[str, Any]:
    """One try: its result, or its error's text."""
    given = {"job": str(definition), "poll_interval": 0.5, "stream_logs": False, "access": "off", **options}
    try:
        result: dict[str, Any] = AzureMLRunJobOperator(task_id="pipe", **given).execute(context(number))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return result


def main() -> None:
    """Run, watch a step, try again, and make a mistake."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        (source / "say.sh").write_text("echo $1\n")
        definition = Path(folder) / "pipeline.yml"
        definition.write_text(PIPELINE)
        first = run(definition, 1, inputs={"word": "eight"}, wait_for_completion=False)
        assert "error" not in first, first
        step = AzureMLChildJobSensor(task_id="step", job=first, child="write", poll_interval=0.5).execute({})
        again = run(definition, 2, inputs={"word": "eight"})
        broken = Path(folder) / "broken.yml"
        broken.write_text(PIPELINE.replace("command: grep", "comand: grep"))
        mistake = run(broken, 1)
    hook = AzureMLHook()
    job = hook.run(job_flows.get(hook.workspace, first["name"]))
    found = {
        "first": first,
        "step": step,
        "again": again,
        "mistake": mistake,
        "experiment": job.experiment_name,
        "properties": dict(job.properties),
        "inputs": dict(job.inputs),
    }
    sys.stdout.write(f"\n{json.dumps(found)}\n")


main()
