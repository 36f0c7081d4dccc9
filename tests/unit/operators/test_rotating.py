# SPDX-License-Identifier: Apache-2.0
"""What the operator decides itself; the rotation as a whole is proven in tests/wire."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.operators.rotating import make_world, rotation_of
from airflow_provider_azureml.operators.rotation import AzureMLRotateSecretOperator

GUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"auth": "managed_identity", "client_id": GUID, "vault_url": "https://v.vault.azure.net"}
    monkeypatch.setenv("AIRFLOW_CONN_AML", json.dumps({"conn_type": "azureml", "extra": extra}))


def operator(**arguments: Any) -> AzureMLRotateSecretOperator:
    return AzureMLRotateSecretOperator(
        task_id="rotate", azureml_conn_id="aml", application_id=GUID, secret_name="s", **arguments
    )


def rid(made: AzureMLRotateSecretOperator, run: str = "r1", map_index: int = -1) -> str:
    ti = SimpleNamespace(dag_id="d", run_id=run, task_id="rotate", map_index=map_index)
    return rotation_of(made, make_world(made).hook.vault_url, ti).rid


def test_every_try_of_one_run_is_the_same_occasion_and_another_run_is_not() -> None:
    assert rid(operator()) == rid(operator())
    assert rid(operator()) != rid(operator(), "r2")
    assert rid(operator()) != rid(operator(), map_index=0)


def test_the_vault_of_the_connection_and_the_same_one_as_argument_are_one() -> None:
    assert rid(operator()) == rid(operator(vault_url="https://v.vault.azure.net/"))
    assert rid(operator()) != rid(operator(vault_url="https://w.vault.azure.net"))


@pytest.mark.parametrize("overlap", [-1.0, 90 * 86400.0])
def test_an_overlap_that_outlives_the_password_is_refused_by_name(overlap: float) -> None:
    with pytest.raises(ConfigurationError, match="overlap"):
        rid(operator(overlap=overlap))
