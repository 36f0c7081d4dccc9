# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs, and the places in commands that refer to them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.spec.binding import inputs, outputs
from tests.unit.spec.definition import COMMAND, DATA, NOWHERE, WS, compiled, fields, refuses


@pytest.mark.parametrize(
    "value, text", [("a", "a"), (1, "1"), (1.5, "1.5"), (True, "True"), ({"value": 2}, "2")]
)
def test_everything_that_is_no_data_is_a_text(value: Any, text: str) -> None:
    assert inputs(fields(inputs={"x": value}), NOWHERE, WS) == {
        "x": {"value": text, "jobInputType": "literal"}
    }


def test_data_is_a_folder_at_a_uri_unless_more_is_said() -> None:
    given = {
        "x": {"path": "abfss://c@a.dfs.core.windows.net/x"},
        "y": {**DATA, "type": "mltable", "mode": "direct"},
    }
    assert inputs(fields(inputs=given), NOWHERE, WS) == {
        "x": {"uri": "abfss://c@a.dfs.core.windows.net/x", "jobInputType": "uri_folder"},
        "y": {"uri": DATA["path"], "mode": "Direct", "jobInputType": "mltable"},
    }


@pytest.mark.parametrize("kind, collection", [("uri_file", "data"), ("mlflow_model", "models")])
def test_an_asset_is_named_by_its_id(kind: str, collection: str) -> None:
    found = inputs(fields(inputs={"x": {"type": kind, "path": "azureml:a:3"}}), NOWHERE, WS)
    assert found["x"]["uri"] == f"{WS}/{collection}/a/versions/3"


def test_an_output_without_a_word_is_a_folder_in_the_default_datastore() -> None:
    assert outputs(fields(outputs={"o": None})) == {"o": {"jobOutputType": "uri_folder"}}


def test_an_output_may_become_an_asset() -> None:
    given = {"type": "mlflow_model", "path": DATA["path"], "mode": "upload", "name": "m", "version": "2"}
    assert outputs(fields(outputs={"o": given}))["o"] == {
        "assetName": "m",
        "assetVersion": "2",
        "uri": DATA["path"],
        "mode": "Upload",
        "jobOutputType": "mlflow_model",
    }


def test_a_command_may_use_what_the_job_has() -> None:
    command = "x ${{inputs.a}} ${{ outputs.o }} $[[--b ${{inputs.b}}]]"  # b is optional
    assert compiled(command=command, inputs={"a": 1}, outputs={"o": None})["command"] == command


@pytest.mark.parametrize(
    "changes, name, mend",
    [
        ({"inputs": {"1a": 1}}, "1a", "letters"),
        ({"inputs": {"a": None}}, "a", "Write a text"),
        ({"inputs": {"a": [1]}}, "a", "Write a text"),
        ({"inputs": {"a": {"value": 1, "mode": "x"}}}, "mode", "Remove it"),
        ({"inputs": {"a": {"type": "uri_file", "path": "/etc/hostname"}}}, "path", "AzureDataLakeHook"),
        ({"inputs": {"a": {"path": "/no/such"}}}, "path", "Correct the path"),
        ({"inputs": {"a": {**DATA, "mode": "mounted"}}}, "mode", "Did you mean 'mount'?"),
        ({"inputs": {"a": {**DATA, "kind": "x"}}}, "kind", "Remove it"),
        ({"outputs": {"o": {"path": "out"}}}, "path", "Write a URI"),
        ({"outputs": {"o": {"mode": "ro_mount"}}}, "mode", "rw_mount"),
        ({"command": "x ${{inputs.dta}}", "inputs": {"data": 1}}, "command", "Did you mean 'data'?"),
        ({"command": "x ${{outputs.m}}"}, "command", "Add it"),
    ],
)
def test_a_malformed_field_is_named_with_its_mend(changes: dict[str, Any], name: str, mend: str) -> None:
    refuses({**COMMAND, **changes}, name, mend)
