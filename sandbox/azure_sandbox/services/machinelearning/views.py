# SPDX-License-Identifier: Apache-2.0
"""A run as ARM (JobBase) and as run history (Run, RunDetails) render it."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.cloud import Cloud, stable_guid
from azure_sandbox.services.machinelearning.records import ACTION, ARTIFACT_STORE, Json, Run, Workspace
from azure_sandbox.services.machinelearning.runs import experiment_id

_RUN_TYPES = {"Command": "azureml.scriptrun", "Spark": "azureml.SparkRun", "Pipeline": "azureml.PipelineRun"}


def tracking_uri(cloud: Cloud, workspace: Workspace) -> str:
    return f"azureml://{cloud.location}.{cloud.azure.region}/mlflow/v1.0{workspace.scope}"


def job_resource(cloud: Cloud, workspace: Workspace, run: Run) -> Json:
    """JobBase; a pipeline's step has no properties here, clients then ask run history."""
    resource: Json = {
        "id": f"{workspace.scope}/jobs/{run.name}",
        "name": run.name,
        "type": f"{ACTION}/jobs",
        "properties": None if run.kind == "child" else _job_properties(cloud, workspace, run),
    }
    resource["systemData"] = {
        "createdAt": iso(run.created),
        "createdBy": run.created_by,
        "createdByType": "Application",
    }
    return resource


def _job_properties(cloud: Cloud, workspace: Workspace, run: Run) -> Json:
    return {
        **run.body,
        "jobType": run.job_type,
        "description": run.description,
        "displayName": run.display_name,
        "experimentName": run.experiment,
        "status": run.status,
        "isArchived": run.is_archived,
        "tags": run.tags,
        "properties": run.properties,
        "services": _services(cloud, workspace, run),
        "computeId": run.body.get("computeId"),
        "identity": run.body.get("identity"),
        "inputs": run.body.get("inputs") or {},
        "outputs": _outputs(run),
    }


def _outputs(run: Run) -> Json:
    declared = {
        name: {**(binding or {}), "uri": run.outputs.get(name) or (binding or {}).get("uri")}
        for name, binding in (run.body.get("outputs") or {}).items()
    }
    uri = f"azureml://datastores/{ARTIFACT_STORE}/{run.artifact_prefix}"
    declared["default"] = {"jobOutputType": "uri_folder", "uri": uri, "mode": "ReadWriteMount"}
    return declared


def _services(cloud: Cloud, workspace: Workspace, run: Run) -> Json:
    studio = f"{cloud.azure.ml_audience}/runs/{run.name}?wsid={workspace.scope}&tid={cloud.tenant_id}"
    entry = {"port": None, "status": None, "errorMessage": None, "properties": None}
    return {
        "Tracking": {**entry, "jobServiceType": "Tracking", "endpoint": tracking_uri(cloud, workspace)},
        "Studio": {**entry, "jobServiceType": "Studio", "endpoint": studio},
    }


#: Members of ``Run`` that clients read and this service has nothing to say in.
_UNUSED: Json = {
    "token": None,
    "tokenExpiryTimeUtc": None,
    "warnings": None,
    "revision": None,
    "parentRunUuid": None,
    "hasVirtualParent": False,
    "currentComputeTime": None,
    "effectiveStartTimeUtc": None,
    "heartbeatEnabled": False,
    "name": None,
    "hidden": False,
    "actionUris": {},
    "scriptName": None,
    "uniqueChildRunComputeTargets": [],
    "settings": {},
    "services": {},
    "inputDatasets": [],
    "outputDatasets": [],
    "runDefinition": None,
    "jobSpecification": None,
    "primaryMetricName": None,
    "createdFrom": None,
    "cancelUri": None,
    "completeUri": None,
    "diagnosticsUri": None,
    "computeRequest": None,
    "compute": None,
    "retainForLifetimeOfWorkspace": False,
    "queueingInfo": None,
    "inputs": None,
    "outputs": None,
}


def run_document(cloud: Cloud, run: Run) -> Json:
    """``Run`` of run history."""
    return {
        **_UNUSED,
        "runNumber": run.number,
        "rootRunId": run.root or run.name,
        "createdUtc": iso(run.created),
        "createdBy": _author(cloud, run),
        "lastModifiedBy": _author(cloud, run),
        "userId": run.created_by,
        "error": run.error,
        "runUuid": stable_guid("run", run.workspace, run.name),
        "rootRunUuid": stable_guid("run", run.workspace, run.root or run.name),
        "lastStartTimeUtc": _time(run.started),
        "computeDuration": _duration(run),
        "runId": run.name,
        "parentRunId": run.parent or None,
        "experimentId": experiment_id(run.workspace, run.experiment),
        "status": run.status,
        "startTimeUtc": _time(run.started),
        "endTimeUtc": _time(run.ended),
        "displayName": run.display_name,
        "dataContainerId": f"dcid.{run.name}",
        "description": run.description,
        "runType": _run_type(run),
        "runTypeV2": {"orchestrator": None, "traits": [], "attribution": None, "computeType": None},
        "properties": run.properties,
        "parameters": run.parameters,
        "target": _target(run),
        "tags": run.tags,
    }


def run_details(cloud: Cloud, run: Run, log_files: dict[str, str]) -> Json:
    """``RunDetails``: what a log reader polls.

    :param log_files: name -> URL that can be read without a login
    """
    return {
        "runId": run.name,
        "runUuid": stable_guid("run", run.workspace, run.name),
        "parentRunId": run.parent or None,
        "rootRunId": run.root or run.name,
        "target": _target(run),
        "status": run.status,
        "parentStatus": None,
        "createdTimeUtc": iso(run.created),
        "startTimeUtc": _time(run.started),
        "endTimeUtc": _time(run.ended),
        "error": run.error,
        "warnings": None,
        "tags": run.tags,
        "properties": run.properties,
        "parameters": run.parameters,
        "services": {},
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": None,
        "logFiles": log_files,
        "submittedBy": run.created_by,
        "computeDuration": _duration(run),
    }


def mlflow_run(cloud: Cloud, workspace: Workspace, run: Run, metrics: list[dict[str, Any]]) -> Json:
    """``run`` of MLflow's REST API; metric values that JSON cannot hold are spelled out."""
    states = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED", "NotStarted": "SCHEDULED"}
    info = {
        "run_id": run.name,
        "run_uuid": run.name,
        "run_name": run.display_name,
        "experiment_id": experiment_id(run.workspace, run.experiment),
        "user_id": run.created_by,
        "status": states.get(run.status, "RUNNING"),
        "start_time": int((run.started or run.created) * 1000),
        "artifact_uri": f"{tracking_uri(cloud, workspace).replace('/mlflow/v1.0', '/mlflow/v2.0')}"
        f"/experiments/{run.experiment}/runs/{run.name}/artifacts",
        "lifecycle_stage": "active",
    }
    if run.ended:
        info["end_time"] = int(run.ended * 1000)
    tags = {"mlflow.runName": run.display_name, "mlflow.user": run.created_by, **run.tags}
    if run.parent:
        tags["mlflow.parentRunId"] = run.parent
    data = {
        "metrics": metrics,
        "params": [{"key": key, "value": value} for key, value in run.parameters.items()],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    return {"info": info, "data": data, "inputs": {}}


def mlflow_experiment(cloud: Cloud, workspace: Workspace, name: str) -> Json:
    return {
        "experiment_id": experiment_id(workspace.guid, name),
        "name": name,
        "artifact_location": "",
        "lifecycle_stage": "active",
        "tags": [],
    }


def _author(cloud: Cloud, run: Run) -> Json:
    return {"userObjectId": run.created_by, "userTenantId": cloud.tenant_id, "userName": run.created_by}


def _run_type(run: Run) -> str:
    return "azureml.StepRun" if run.kind == "child" else _RUN_TYPES.get(run.job_type, "azureml.mlflow")


def _target(run: Run) -> str:
    return str(run.body.get("computeId") or "").rpartition("/")[2] or "serverless"


def _time(seconds: float | None) -> str | None:
    return iso(seconds) if seconds is not None else None


def _duration(run: Run) -> str | None:
    """Elapsed time as .NET writes a TimeSpan."""
    if run.started is None or run.ended is None:
        return None
    minutes, seconds = divmod(run.ended - run.started, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:010.7f}"
