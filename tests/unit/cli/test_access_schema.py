# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_azureml.access.schema import manifest_schema
from airflow_provider_azureml.cli.console import main


def test_the_schema_is_printed_as_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["access", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == manifest_schema()
