# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import json
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_azureml.compat import AirflowException
from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.form import form
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.hooks.lake import AzureDataLakeHook
from airflow_provider_azureml.rest.flow import Flow, Request, expect

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


def test_a_hook_that_nobody_uses_any_more_is_forgotten_and_its_connections_are_closed(
    connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr("azure.core.PipelineClient.close", lambda client: closed.append("closed"))
    hook = AzureMLHook(connect())
    assert hook.driver is hook.driver
    forgotten = weakref.ref(hook)
    del hook
    gc.collect()
    assert forgotten() is None
    assert closed == ["closed"]


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


class Rotated(AzureMLHook):
    """Airflow gives its connection a first time; then there is this instead."""

    then: Any = None
    looks = 0

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        cls.looks += 1
        if cls.looks > 1 and isinstance(cls.then, Exception):
            raise cls.then
        extra = {"auth": "client_secret", "client_id": GUID, "tenant_id": GUID}
        return Connection(
            conn_id=conn_id, conn_type="azureml", password=f"secret {cls.looks}", extra=json.dumps(extra)
        )


class Unauthorized:
    """A client to whom Azure says that its token is none."""

    def send_request(self, *request: Any, **options: Any) -> Any:
        body = b'{"error": {"code": "InvalidAuthenticationToken", "message": "m"}}'
        return SimpleNamespace(status_code=401, headers={}, content=body)

    def close(self) -> None:
        """There is nothing to close."""


def refused(hook: AzureMLHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow whose credential is made anew, in vain."""
    token = SimpleNamespace(token="t")
    given = SimpleNamespace(get_token=lambda *scopes: token)
    monkeypatch.setattr("airflow_provider_azureml.identity.resolver.credential", lambda *settings: given)
    monkeypatch.setenv("AIRFLOW__AZUREML__AUDIT", "off")
    hook.driver._client = Unauthorized()

    def ask() -> Flow[None]:
        expect((yield Request("GET", "https://management.azure.com/x", scope="s")), 200)

    with pytest.raises(DeniedError):
        hook.run(ask())


def test_a_refused_credential_is_made_of_the_connection_as_it_is_now(monkeypatch) -> None:
    monkeypatch.setattr(Rotated, "looks", 0)
    hook = Rotated("aml")
    refused(hook, monkeypatch)
    assert (hook.settings.password, Rotated.looks) == ("secret 2", 2)


@pytest.mark.parametrize(
    "problem", [AirflowException("away"), ConnectionResetError("gone"), ConfigurationError("a", "b", "c")]
)
def test_a_connection_that_cannot_be_read_again_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    monkeypatch.setattr(Rotated, "looks", 0)
    monkeypatch.setattr(Rotated, "then", problem)
    hook = Rotated("aml")
    for _ in range(2):
        refused(hook, monkeypatch)
    assert hook.settings.password == "secret 1"
    assert Rotated.looks == 3


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
