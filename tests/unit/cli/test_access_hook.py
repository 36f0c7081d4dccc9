# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_azureml.cli.access_hook import reading_hook
from airflow_provider_azureml.errors import ConfigurationError


def test_a_connection_needs_no_workspace_to_read_with(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"auth": "managed_identity", "client_id": "system"}
    monkeypatch.setenv("AIRFLOW_CONN_READER", json.dumps({"conn_type": "azureml", "extra": extra}))
    assert reading_hook("reader").settings.auth == "managed_identity"


def test_a_connection_that_is_broken_is_told_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "azureml", "extra": {"auth": "magic"}})
    )
    with pytest.raises(ConfigurationError, match="'magic' is unknown"):
        reading_hook("broken")
