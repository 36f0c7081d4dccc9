# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azureml.audit.detail import detail_of, without_query
from airflow_provider_azureml.rest.flow import Request


def put(body: Any) -> dict[str, Any]:
    return detail_of(Request("PUT", "https://management.azure.com/x", json=body))


def test_a_job_shows_its_identity_and_its_addresses_and_no_value() -> None:
    body = {
        "properties": {
            "jobType": "Command",
            "command": "canary",
            "environmentVariables": {"PASSWORD": "canary"},
            "identity": {"identityType": "Managed", "clientId": "c-1"},
            "inputs": {
                "rows": {"uri": "azureml://datastores/raw/paths/x"},
                "signed": {"uri": "https://a.blob.core.windows.net/c/x?sv=1&sig=canary#canary"},
                "secret": {"value": "canary"},
            },
            "outputs": {"model": {"uri": "azureml://datastores/lake/paths/m"}, "log": None},
            "tags": {"a": "canary"},
        }
    }
    found = put(body)
    assert found == {
        "jobType": "Command",
        "runIdentity": {"job": "c-1"},
        "inputs": {
            "rows": "azureml://datastores/raw/paths/x",
            "signed": "https://a.blob.core.windows.net/c/x",
        },
        "outputs": {"model": "azureml://datastores/lake/paths/m"},
    }
    assert "canary" not in str(found)


def test_the_steps_of_a_pipeline_are_told_apart() -> None:
    step = {
        "identity": {"identity_type": "UserIdentity"},
        "inputs": {"x": {"uri": "azureml:x:1"}},
    }
    found = put({"properties": {"jobType": "Pipeline", "jobs": {"prep": step, "none": None}}})
    assert found["runIdentity"] == {"prep": "UserIdentity"}
    assert found["inputs"] == {"prep.x": "azureml:x:1"}


def test_a_grant_shows_who_gets_which_role_and_a_password_which_key() -> None:
    grant = {"roleDefinitionId": "/r", "principalId": "p", "condition": "canary"}
    assert put({"properties": grant}) == {"roleDefinitionId": "/r", "principalId": "p"}
    assert put({"keyId": "k"}) == {"keyId": "k"}
    named = {"passwordCredential": {"displayName": "airflow-rot:1", "secretText": "canary"}}
    assert put(named) == {"displayName": "airflow-rot:1"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {"properties": None},
        {"properties": []},
        {"properties": {"jobs": [], "inputs": "x", "identity": "y", "outputs": {"a": "b", "c": {"uri": 1}}}},
        {"properties": {"identity": {"clientId": 5}}, "modelUri": 7},
    ],
)
def test_a_body_of_any_shape_is_no_error(body: Any) -> None:
    assert put(body) == {}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://user:pass@host/a?sig=x", "https://host/a"),
        (
            "abfss://container@account.dfs.core.windows.net/a",
            "abfss://container@account.dfs.core.windows.net/a",
        ),
        ("azureml:data:1", "azureml:data:1"),
        ("https://[broken", "(unreadable)"),
    ],
)
def test_an_address_loses_what_may_be_secret(uri: str, shown: str) -> None:
    assert without_query(uri) == shown
