# SPDX-License-Identifier: Apache-2.0
"""Definitions that the tests of this folder start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.document import Document
from airflow_provider_azureml.spec.field import Fields
from airflow_provider_azureml.spec.job import compile_job

WS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
COMMAND: dict[str, Any] = {"type": "command", "command": "echo", "environment": "azureml:e:1"}
DATA = {"type": "uri_folder", "path": "azureml://datastores/lake/paths/x"}
NOWHERE = Document("job", {}, None)


def fields(**content: Any) -> Fields:
    """One mapping of a definition."""
    return Fields("job", content)


def compiled(**changes: Any) -> dict[str, Any]:
    """The body of a command job with these fields."""
    return dict(compile_job({**COMMAND, **changes}, WS).properties)


def spark(folder: Path, **changes: Any) -> dict[str, Any]:
    """A Spark definition with its code in a folder."""
    (folder / "main.py").write_text("print()")
    conf = {"driver_cores": 1, "driver_memory": "1g", "executor_cores": 1, "executor_memory": "1g"}
    return {
        "type": "spark",
        "code": str(folder),
        "entry": {"file": "main.py"},
        "conf": {**conf, "executor_instances": 1},
        "resources": {"instance_type": "standard_e4s_v3", "runtime_version": "3.5"},
        "identity": {"type": "managed"},
        **changes,
    }


def refuses(job: Any, name: str, mend: str, overrides: Any = None) -> None:
    """The definition is refused by an error that names the field and the mend."""
    with pytest.raises(ConfigurationError) as caught:
        compile_job(job, WS, overrides)
    assert name in caught.value.field
    assert mend in str(caught.value)
