# SPDX-License-Identifier: Apache-2.0
"""Code folders: found again by their hash, else uploaded. Shared with users of the SDK."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace


def upload_code(workspace: Workspace, folder: Path) -> Flow[str]:
    """Make sure the folder's content is in the workspace; returns the code version's ARM id.

    Raises ConfigurationError for a missing or empty folder and for a link that leaves it.
    """
    raise NotImplementedError
    yield
