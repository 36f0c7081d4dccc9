# SPDX-License-Identifier: Apache-2.0
"""Versioned assets: environments, models, data. (Code folders: `rest/code.py`.)"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest.flow import Flow, expect, pages
from airflow_provider_azureml.rest.workspace import Workspace

ANONYMOUS_ENVIRONMENT = "CliV2AnonymousEnvironment"


@dataclass(frozen=True)
class Model:
    """One version of a registered model."""

    id: str
    name: str
    version: str
    uri: str
    model_type: str = "custom_model"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """One version of a data asset."""

    id: str
    name: str
    version: str
    uri: str
    data_type: str = "uri_folder"
    tags: Mapping[str, str] = field(default_factory=dict)


def ensure_environment(workspace: Workspace, image: str, conda: str = "") -> Flow[str]:
    """Register an anonymous environment under the SDK's content hash; returns its ARM id.

    :param conda: text of a conda file, empty when the image is used as it is.
    """
    version = environment_version(image, conda)
    properties = {"image": image, "isAnonymous": True, **({"condaFile": conda} if conda else {})}
    path = f"/environments/{ANONYMOUS_ENVIRONMENT}/versions/{version}"
    response = yield workspace.request("PUT", path, json={"properties": properties})
    return str(expect(response, 200, 201).json()["id"])


def environment_version(image: str, conda: str = "") -> str:
    """The version the SDK gives an anonymous environment, so that both find the same image.

    Read in azure-ai-ml 1.35.2 `Environment._generate_anonymous_name_version`: it really uses the
    image's digest as a separator between the characters of the conda file's digest.
    """
    text = _sha256(image)
    if conda:
        text = text.join(_sha256(conda))
    return _sha256(text)


def list_models(workspace: Workspace, name: str) -> Flow[list[Model]]:
    """All versions, newest first; empty when the name is unknown."""
    found = yield from _list(workspace, "models", name)
    return sorted(map(_model, found), key=lambda model: age(model.version), reverse=True)


def list_data(workspace: Workspace, name: str) -> Flow[list[Data]]:
    """All versions, newest first; empty when the name is unknown."""
    found = yield from _list(workspace, "data", name)
    return sorted(map(_data, found), key=lambda data: age(data.version), reverse=True)


def _list(workspace: Workspace, kind: str, name: str) -> Flow[list[Any]]:
    try:
        return (yield from pages(workspace.request("GET", f"/{kind}/{quote(name, safe='')}/versions")))
    except NotFoundError:
        return []


def age(version: str) -> tuple[int, str]:
    """What versions are sorted by: numbers by their value, and after all words."""
    return (int(version) if version.isdecimal() else -1, version)


def get_model(workspace: Workspace, name: str, version: str) -> Flow[Model]:
    """One version; raises NotFoundError."""
    response = yield workspace.request("GET", _version_path("models", name, version))
    return _model(expect(response, 200).json())


def put_model(
    workspace: Workspace,
    name: str,
    version: str,
    uri: str,
    model_type: str = "custom_model",
    *,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> Flow[Model]:
    """Register a version, e.g. of `azureml://jobs/{job}/outputs/{output}`."""
    body = {
        "modelUri": uri,
        "modelType": model_type,
        "description": description,
        "tags": dict(tags or {}),
        "properties": dict(properties or {}),
    }
    path = _version_path("models", name, version)
    response = yield workspace.request("PUT", path, json={"properties": body})
    return _model(expect(response, 200, 201).json())


def next_version(models: list[Model]) -> str:
    """The number after the highest one, `1` for a new name; versions that are words do not count."""
    numbers = [int(model.version) for model in models if model.version.isdecimal()]
    return str(max(numbers, default=0) + 1)


def put_data(
    workspace: Workspace, name: str, version: str, uri: str, data_type: str = "uri_folder"
) -> Flow[Data]:
    """Register a version of a data asset."""
    body = {"properties": {"dataUri": uri, "dataType": data_type}}
    response = yield workspace.request("PUT", _version_path("data", name, version), json=body)
    return _data(expect(response, 200, 201).json())


def get_data(workspace: Workspace, name: str, version: str) -> Flow[Data]:
    """One version of a data asset; raises NotFoundError."""
    response = yield workspace.request("GET", _version_path("data", name, version))
    return _data(expect(response, 200).json())


def _model(body: Mapping[str, Any]) -> Model:
    name, version = _name_and_version(body)
    properties = body["properties"]
    return Model(
        id=str(body["id"]),
        name=name,
        version=version,
        uri=str(properties.get("modelUri") or ""),
        model_type=str(properties.get("modelType") or ""),
        description=str(properties.get("description") or ""),
        tags=dict(properties.get("tags") or {}),
        properties=dict(properties.get("properties") or {}),
    )


def _data(body: Mapping[str, Any]) -> Data:
    name, version = _name_and_version(body)
    properties = body["properties"]
    return Data(
        id=str(body["id"]),
        name=name,
        version=version,
        uri=str(properties.get("dataUri") or ""),
        data_type=str(properties.get("dataType") or ""),
        tags=dict(properties.get("tags") or {}),
    )


def _name_and_version(body: Mapping[str, Any]) -> tuple[str, str]:
    """From the end of the ARM id: `.../models/{name}/versions/{version}`."""
    parts = str(body["id"]).rstrip("/").split("/")
    return unquote(parts[-3]), unquote(parts[-1])


def _version_path(kind: str, name: str, version: str) -> str:
    return f"/{kind}/{quote(name, safe='')}/versions/{quote(version, safe='')}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
