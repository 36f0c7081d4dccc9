# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from azure.core.exceptions import HttpResponseError

from airflow_provider_azureml.connection import CLOUDS
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.rest.tls import OF_OPENSSL, OF_REQUESTS


def test_the_authority_is_always_explicit_and_an_unlisted_one_is_not_looked_up() -> None:
    assert authority_options(CLOUDS["usgovernment"])["authority"] == "https://login.microsoftonline.us"
    assert "disable_instance_discovery" not in authority_options(CLOUDS["china"])
    own = type(CLOUDS["china"])(*["https://own.example"] * 9)
    assert authority_options(own)["disable_instance_discovery"] is True


def answer(status: int, text: str = "") -> SimpleNamespace:
    http = SimpleNamespace(status_code=status, reason="x", headers={}, text=lambda: text, content_type="")
    return SimpleNamespace(http_response=http)


@pytest.mark.parametrize("busy", [answer(429), answer(503), answer(400, "AADSTS90033: transient")])
def test_an_entra_that_says_not_now_is_heard_before_msal_remembers_it(busy: SimpleNamespace) -> None:
    with pytest.raises(HttpResponseError):
        authority_options(CLOUDS["public"])["raw_response_hook"](busy)


@pytest.mark.parametrize("said", [answer(200), answer(401, "AADSTS7000215"), answer(400, "invalid_scope")])
def test_a_token_and_a_refusal_are_left_to_msal(said: SimpleNamespace) -> None:
    authority_options(CLOUDS["public"])["raw_response_hook"](said)


def test_azure_identity_never_sleeps_by_itself() -> None:
    assert authority_options(CLOUDS["public"])["retry_total"] == 0


def test_azure_identity_is_told_of_the_authorities_that_requests_does_not_look_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (*OF_REQUESTS, *OF_OPENSSL):
        monkeypatch.delenv(name, raising=False)
    assert "connection_verify" not in authority_options(CLOUDS["public"])
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert authority_options(CLOUDS["public"])["connection_verify"] == str(tmp_path)
