# SPDX-License-Identifier: Apache-2.0
"""Versioned assets: environments, models, data. (Code folders: `rest/code.py`.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace


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


def ensure_environment(workspace: Workspace, image: str, conda: str = "") -> Flow[str]:
    """Register an anonymous environment under the SDK's content hash; returns its ARM id.

    :param conda: text of a conda file, empty when the image is used as it is.
    """
    raise NotImplementedError
    yield


def list_models(workspace: Workspace, name: str) -> Flow[list[Model]]:
    """All versions, newest first; empty when the name is unknown."""
    raise NotImplementedError
    yield


def get_model(workspace: Workspace, name: str, version: str) -> Flow[Model]:
    """One version; raises NotFoundError."""
    raise NotImplementedError
    yield


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
    raise NotImplementedError
    yield


def next_version(models: list[Model]) -> str:
    """The number after the highest one, `1` for a new name."""
    raise NotImplementedError


def put_data(
    workspace: Workspace, name: str, version: str, uri: str, data_type: str = "uri_folder"
) -> Flow[Data]:
    """Register a version of a data asset."""
    raise NotImplementedError
    yield
