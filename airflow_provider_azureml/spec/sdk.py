# SPDX-License-Identifier: Apache-2.0
"""Job kinds that azure-ai-ml compiles for us: pipelines, sweeps, AutoML (extra `[sdk]`; the only importer of it).

The SDK registers what a definition refers to (components, environments, code) and then sends the job.
That last request is held back here and becomes the body, which our own path submits: with our name,
our owner marks and our rules. It runs in the worker's task only; importing it costs seconds (design D1).
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.azure_error import translate
from airflow_provider_azureml.rest.tls import sync_options
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.spec.base import REFUSED
from airflow_provider_azureml.spec.compiled import Compiled
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.field import Fields

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

KINDS: Mapping[str, str] = {"pipeline": "Pipeline", "sweep": "Sweep", "automl": "AutoML"}
"""CLI v2 `type` -> `jobType` of the REST body."""
CLOUDS: Mapping[str, str] = {
    "public": "AzureCloud",
    "usgovernment": "AzureUSGovernment",
    "china": "AzureChinaCloud",
}
"""What the SDK calls our clouds."""


class _HeldBackError(Exception):
    """The job's body, at the moment when the SDK would send it."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("held back")
        self.body = body


def announce(fields: Fields, document: Document, kind: str) -> Compiled:
    """What is known of a definition before the SDK compiles it.

    :raises ConfigurationError: the SDK is not installed, or the definition has a name of its own.
    """
    if not _is_installed():
        problem = f"'{kind}' is compiled by azure-ai-ml, which is not installed."
        mend = "Install 'airflow-provider-azureml[sdk]', or give the job as a REST body: {'properties': ...}."
        raise fields.error("type", problem, mend)
    fields.refuse({"name": REFUSED["name"]})
    return Compiled({"jobType": KINDS[kind], "definition": document.content}, document=document)


def compile_body(
    document: Document, name: str, experiment: str, workspace: Workspace, credential: TokenCredential
) -> dict[str, Any]:
    """The REST body of a definition, with everything registered that it refers to.

    :param name: of the job, as the SDK has to give it one.
    :param experiment: where the definition names none.
    :raises ConfigurationError: the SDK finds a mistake in the definition.
    :raises ServiceError: registering was refused.
    """
    from azure.ai.ml.exceptions import MlException
    from azure.core.exceptions import AzureError
    from marshmallow.exceptions import ValidationError

    try:
        return _tidied(_held_back(document, name, workspace, credential), document.content, experiment)
    except (MlException, ValidationError) as error:  # MlException is an AzureError too
        raise ConfigurationError(document.name, str(error).strip(), "Correct the definition.") from error
    except AzureError as error:
        raise translate(error, f"register what '{document.name}' refers to") from error


def _held_back(
    document: Document, name: str, workspace: Workspace, credential: TokenCredential
) -> dict[str, Any]:
    from azure.ai.ml import MLClient, load_job

    text = yaml.safe_dump(dict(document.content), sort_keys=False)
    # The SDK takes the parent of this path for the folder that relative paths start at.
    origin = str(document.folder / Path(document.name).name) if document.folder else None
    job = load_job(io.StringIO(text), relative_origin=origin)
    job.name = name
    client = MLClient(
        credential,
        workspace.subscription_id,
        workspace.resource_group,
        workspace.name,
        cloud=_cloud(workspace),
        transport=_transport(name),
        show_progress=False,
        enable_telemetry=False,
    )
    try:
        client.jobs.create_or_update(job)
    except _HeldBackError as held:
        return held.body
    raise ConfigurationError(document.name, "was not sent by azure-ai-ml.", "Give it as a REST body.")


def _transport(name: str) -> Any:
    """Azure's own transport, but for the one request that would submit the job."""
    from azure.core.pipeline.transport import RequestsTransport

    class HoldingBack(RequestsTransport):
        """Sends everything except the PUT of the job."""

        def send(self, request: Any, **options: Any) -> Any:
            """Send, or raise with the body."""
            if request.method == "PUT" and request.url.split("?")[0].endswith(f"/jobs/{name}"):
                content = request.content if hasattr(request, "content") else request.body
                raise _HeldBackError(json.loads(content))
            return super().send(request, **options)

    return HoldingBack(**sync_options())


def _tidied(body: dict[str, Any], definition: Mapping[str, Any], experiment: str) -> dict[str, Any]:
    """The body without what the SDK reads off the working directory: experiment, display name, git."""
    properties = body["properties"]
    if "experiment_name" not in definition:
        properties["experimentName"] = experiment
    if "display_name" not in definition:
        properties.pop("displayName", None)
    given = definition.get("properties") or {}
    mine = properties.get("properties") or {}
    properties["properties"] = {key: value for key, value in mine.items() if key in given}
    return {"properties": properties}


def _cloud(workspace: Workspace) -> str:
    name = workspace.cloud.name
    if name not in CLOUDS:
        mend = "Give the job as a REST body."
        raise ConfigurationError("cloud", f"'{name}' is unknown to azure-ai-ml.", mend)
    return CLOUDS[name]


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("azure.ai.ml") is not None
    except ModuleNotFoundError:  # no `azure.ai` at all
        return False
