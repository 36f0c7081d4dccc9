# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.hooks.deployment import deployment_id


def test_a_deployment_is_named_by_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", " prod ")
    assert deployment_id() == "prod"


def test_an_airflow_without_a_name_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", raising=False)
    with pytest.raises(ConfigurationError, match="Set AIRFLOW__AZUREML__DEPLOYMENT_ID"):
        deployment_id()
