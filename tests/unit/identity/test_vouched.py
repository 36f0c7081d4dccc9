# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest

from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.errors import AzureMLError, ConfigurationError
from airflow_provider_azureml.identity import vouched

GUID = "11111111-2222-3333-4444-555555555555"


def token(**claims: object) -> str:
    parts = ({"alg": "RS256"}, {"exp": time.time() + 600, **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ln"])


def settings(**extra: str):  # type: ignore[no-untyped-def]
    given = {"auth": "workload_identity", "tenant_id": GUID, "client_id": GUID, **extra}
    return parse("c", "azureml", None, None, None, given)


def test_the_claims_of_a_token_file_are_shown_and_the_token_is_masked(tmp_path: Path) -> None:
    text = token(iss="https://i", sub="s", aud="api://AzureADTokenExchange")
    (tmp_path / "token").write_text(text)
    masked: list[str] = []
    said = vouched.presented(settings(assertion_file=str(tmp_path / "token")), masked.append)
    assert said is not None
    assert (said.issuer, said.subject) == ("https://i", "s")
    assert masked == [text]
    assert text not in str(said)


def test_a_file_that_is_not_there_is_an_error_and_no_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AzureMLError):
        vouched.presented(settings(assertion_file=str(tmp_path / "none")), print)
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    with pytest.raises(ConfigurationError):
        vouched.presented(settings(), print)


def test_a_managed_identity_that_gives_no_token_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MSI_ENDPOINT", "http://127.0.0.1:9/msi/token")
    monkeypatch.setenv("MSI_SECRET", "x")
    given = {"auth": "federated", "federated_source": "managed_identity", "source_client_id": GUID}
    with pytest.raises(AzureMLError):
        vouched.presented(settings(**given), print)


def test_who_signs_in_otherwise_has_no_assertion() -> None:
    given = {"auth": "managed_identity", "client_id": GUID}
    assert vouched.presented(parse("c", "azureml", None, None, None, given), print) is None
