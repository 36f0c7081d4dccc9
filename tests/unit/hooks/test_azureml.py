# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.form import form
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook

GUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch):
    def define(**extra: str) -> str:
        values = {"auth": "managed_identity", "client_id": GUID, **extra}
        monkeypatch.setenv("AIRFLOW_CONN_AML", json.dumps({"conn_type": "azureml", "extra": values}))
        return "aml"

    return define


def test_a_connection_becomes_settings_and_a_workspace(connect) -> None:
    hook = AzureMLHook(connect(subscription_id=GUID, resource_group="rg", workspace_name="ws"))
    assert hook.settings.auth == "managed_identity"
    assert hook.workspace.name == "ws"


def test_a_connection_without_a_workspace_says_what_is_missing(connect) -> None:
    with pytest.raises(ConfigurationError, match="'resource_group': is missing"):
        _ = AzureMLHook(connect(subscription_id=GUID)).workspace


async def test_a_trigger_reads_the_same_connection(connect) -> None:
    hook = AzureMLHook(connect(subscription_id=GUID, resource_group="rg", workspace_name="ws"))
    assert (await hook.aworkspace()).name == "ws"


def test_a_wrong_connection_fails_the_test_button_with_the_mend(connect) -> None:
    good, text = AzureMLHook(connect(tenant_id=GUID)).test_connection()
    assert not good
    assert "extra 'tenant_id': is not used by auth 'managed_identity'. Remove it" in text


@pytest.mark.parametrize("extra", ["[1]", '"text"', "7", "null"])
async def test_an_extra_that_is_json_but_no_object_is_a_mistake_in_the_connection(
    monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AML", json.dumps({"conn_type": "azureml", "extra": extra}))
    with pytest.raises(ConfigurationError, match="connection 'aml', extra: is no JSON object"):
        _ = AzureMLHook("aml").settings
    with pytest.raises(ConfigurationError, match="connection 'aml', extra: is no JSON object"):
        await AzureMLHook("aml").aworkspace()


def test_the_lake_and_the_vault_ask_for_their_own_address(connect) -> None:
    with pytest.raises(ConfigurationError, match="account_url"):
        AzureDataLakeHook(connect()).exists("raw", "x")
    with pytest.raises(ConfigurationError, match="vault_url"):
        AzureKeyVaultHook(connect()).get_secret("n")
    own = AzureKeyVaultHook(connect(), vault_url="https://v.vault.azure.net/")
    assert own.vault_url == "https://v.vault.azure.net"


def test_the_form_hides_the_fields_that_are_refused() -> None:
    behaviour = AzureMLHook.get_ui_field_behaviour()
    assert {"host", "login"} <= set(behaviour["hidden_fields"])
    assert behaviour["relabeling"]["password"].startswith("Client secret")
    assert "auth" in form()
