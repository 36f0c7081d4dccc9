# SPDX-License-Identifier: Apache-2.0
"""The environment variables that Azure ML gives to a job's process (facts: wire.md 9)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from azure_sandbox.kernel.clock import iso
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.services.machinelearning.runner.environment import Environment
from azure_sandbox.services.machinelearning.runner.workplace import Workplace
from azure_sandbox.services.machinelearning.runs import experiment_id
from azure_sandbox.services.machinelearning.surfaces import RUN_TOKEN_LIFETIME, run_token
from azure_sandbox.services.machinelearning.views import tracking_uri

#: All that a job sees of the machine. A list of what to keep: the sandbox's own environment may
#: hold secrets under any name.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "JAVA_HOME", "LD_LIBRARY_PATH", "USER")


def variables(
    place: Workplace,
    environment: Environment,
    msi_secret: str,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> dict[str, str]:
    """Everything but the job's own variables, which the caller puts on top."""
    machine = {name: os.environ[name] for name in _KEPT if name in os.environ}
    token = run_token(place.cloud, place.workspace, place.run)
    return {
        **machine,
        **place.cloud.job_environment,
        "PATH": f"{environment.bin}{os.pathsep}{machine.get('PATH', '')}",
        "VIRTUAL_ENV": str(environment.folder),
        "HOME": str(place.folder / "home"),
        "TMPDIR": str(place.folder / "tmp"),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        **_identity(place, msi_secret),
        **_run(place, token),
        **_tracking(place, token),
        **_data(place, inputs, outputs),
    }


def _identity(place: Workplace, msi_secret: str) -> dict[str, str]:
    reader, directory = place.reader, place.cloud.port(Directory)
    mounts = directory.managed_identity(reader.principal) if reader.principal else None
    default = reader.named or (mounts.client_id if mounts else "")
    return {
        **({"DEFAULT_IDENTITY_CLIENT_ID": default} if default else {}),
        "MSI_ENDPOINT": f"{place.cloud.metadata_url}/machinelearning/msi/token",
        "MSI_SECRET": msi_secret,
        "OBO_ENDPOINT": f"{place.cloud.metadata_url}/machinelearning/msi/{msi_secret}/token",
        "AZUREML_OBO_ENABLED": "True",
    }


def _run(place: Workplace, token: str) -> dict[str, str]:
    run, workspace, cloud = place.run, place.workspace, place.cloud
    host = f"https://{cloud.location}.{cloud.azure.region}"
    return {
        "AZUREML_RUN_ID": run.name,
        "AZUREML_ROOT_RUN_ID": run.root or run.name,
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": iso(cloud.clock.time() + RUN_TOKEN_LIFETIME),
        "AZUREML_EXPERIMENT_ID": experiment_id(workspace.guid, run.experiment),
        "AZUREML_EXPERIMENT_SCOPE": f"{workspace.scope}/experiments/{run.experiment}",
        "AZUREML_ARM_SUBSCRIPTION": cloud.subscription_id,
        "AZUREML_ARM_RESOURCEGROUP": workspace.group,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_ARM_PROJECT_NAME": run.experiment,
        "AZUREML_WORKSPACE_ID": workspace.guid,
        "AZUREML_WORKSPACE_SCOPE": workspace.scope,
        "AZUREML_SERVICE_ENDPOINT": host,
        "AZUREML_RUN_HISTORY_SERVICE_ENDPOINT": host,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{host}/discovery",
        "AZUREML_CR_EXECUTION_WORKING_DIR_PATH": str(place.code),
        "AZUREML_CR_DATA_CAPABILITY_PATH": str(place.data),
        "AZUREML_CR_CORRELATION_ID": run.name,
    }


def _tracking(place: Workplace, token: str) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(place.cloud, place.workspace),
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": place.run.name,
        "MLFLOW_EXPERIMENT_ID": experiment_id(place.workspace.guid, place.run.experiment),
        "MLFLOW_EXPERIMENT_NAME": place.run.experiment,
    }


def _data(place: Workplace, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, str]:
    found = {f"AZURE_ML_OUTPUT_{name}": value for name, value in outputs.items()}
    for name, value in inputs.items():
        if (place.run.body["inputs"][name] or {}).get("jobInputType") == "literal":
            found[f"AZUREML_PARAMETER_{name}"] = value
        else:
            found[f"AZURE_ML_INPUT_{name}"] = value
            found[f"AZUREML_DATAREFERENCE_{name}"] = value
    return found
