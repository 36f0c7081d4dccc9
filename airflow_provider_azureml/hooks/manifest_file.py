# SPDX-License-Identifier: Apache-2.0
"""A manifest from its file, with the limits and the line numbers of job definitions' YAML."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_azureml.access import manifest
from airflow_provider_azureml.access.declared import Manifest
from airflow_provider_azureml.spec.document import read_yaml
from airflow_provider_azureml.spec.line import lines_of


def load(path: Path) -> Manifest:
    """Read and check it. Raises ConfigurationError with file, line, field and mend."""
    content = read_yaml(path, f"manifest '{path}'")
    return manifest.load(content, str(path), lines_of(path.read_text(encoding="utf-8")))
