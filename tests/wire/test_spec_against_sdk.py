# SPDX-License-Identifier: Apache-2.0
"""Our compiler against the oracle: for every definition here, the SDK sends the same body.

The interpreter of the SDK's own virtual environment is named by `AZUREML_SDK_PYTHON` (`make test` builds it).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.rest.asset import ensure_environment
from airflow_provider_azureml.rest.flow import Request
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.spec.job import compile_job

HERE = Path(__file__).parent
DEFINITIONS = sorted(path for path in (HERE / "definitions").glob("*.yml") if path.name != "conda.yml")
WORKSPACE_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-ml"
    "/providers/Microsoft.MachineLearningServices/workspaces/ws-ml"
)
WORKSPACE = Workspace(CLOUDS["public"], "00000000-0000-0000-0000-000000000001", "rg-ml", "ws-ml")
INVENTED = {"experimentName": "experiment_name", "displayName": "display_name"}


@pytest.fixture(scope="module")
def sdk_bodies() -> dict[str, Any]:
    """What the SDK sends for every definition, asked once: its import costs seconds."""
    python = os.environ.get("AZUREML_SDK_PYTHON")
    if python is None:
        pytest.fail("AZUREML_SDK_PYTHON is not set; run the tests with `make test`")
    answer = subprocess.run(
        [python, str(HERE / "sdk_bodies.py")],
        input=json.dumps([str(path) for path in DEFINITIONS]),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return dict(zip([path.stem for path in DEFINITIONS], json.loads(answer.stdout), strict=True))


def without_inventions(body: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """The SDK's job body, less what it makes up from the working directory: names and git's view of it."""
    properties = dict(body["properties"])
    for rest, field in INVENTED.items():
        if field not in definition:
            properties.pop(rest, None)
    given = definition.get("properties", {})
    properties["properties"] = {k: v for k, v in properties.get("properties", {}).items() if k in given}
    return properties


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_our_body_equals_the_body_of_the_sdk(path: Path, sdk_bodies: dict[str, Any]) -> None:
    sdk = sdk_bodies[path.stem]
    theirs = without_inventions(sdk["job"], yaml.safe_load(path.read_text()))
    compiled = compile_job(path, WORKSPACE_ID)
    ours = compiled.body(
        code_id=theirs.get("codeId") if compiled.code else None,
        environment_id=theirs.get("environmentId") if compiled.environment else None,
    )["properties"]
    assert ours == theirs


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_our_anonymous_environment_equals_the_environment_of_the_sdk(
    path: Path, sdk_bodies: dict[str, Any]
) -> None:
    sdk = sdk_bodies[path.stem]["environment"]
    environment = compile_job(path, WORKSPACE_ID).environment
    if environment is None:
        assert sdk is None
        return
    put = next(ensure_environment(WORKSPACE, environment.image, environment.conda_file or ""))
    assert isinstance(put, Request)
    assert {"isArchived": False, **put.json["properties"]} == sdk["properties"]  # type: ignore[index]
    assert put.url.split("?")[0].endswith(sdk_bodies[path.stem]["job"]["properties"]["environmentId"])


def test_there_are_at_least_twelve_definitions_of_both_kinds() -> None:
    kinds = [path.stem.split("_")[0] for path in DEFINITIONS]
    assert kinds.count("command") >= 9
    assert kinds.count("spark") >= 3
