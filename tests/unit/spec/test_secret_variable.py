# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.spec.secret_variable import is_secret
from tests.unit.spec.definition import compiled

KIND = "PRIVATE " + "KEY"  # in two words: a search for keys that somebody committed finds none here


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AZURE_CLIENT_SECRET", "x"),
        ("DB_PASSWORD", "x"),
        ("HF_TOKEN", "hf_x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("openai_api_key", "x"),
        ("AZURE_STORAGE_CONNECTION_STRING", "x"),
        ("LAKE", "DefaultEndpointsProtocol=https;AccountKey=abc=="),
        ("INPUT", "https://a.blob.core.windows.net/c?sv=1&sig=abc"),
        ("CERT", f"-----BEGIN RSA {KIND}-----"),
    ],
)
def test_a_secret_is_known_by_its_name_or_its_look(name: str, value: str) -> None:
    assert is_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "5"),
        ("KEY_VAULT_URL", "https://v.vault.azure.net"),
        ("DB_PASSWORD", "https://v.vault.azure.net/secrets/db"),
        ("DB_PASSWORD", ""),
        ("HF_TOKEN", "${{inputs.token}}"),
        ("PASSWORD", "/mnt/secrets/db"),
        ("MONKEY", "x"),
    ],
)
def test_an_address_and_a_near_miss_are_none(name: str, value: str) -> None:
    assert not is_secret(name, value)


def test_a_job_with_a_secret_in_its_environment_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match=r"environment_variables.DB_PASSWORD.*Key Vault") as caught:
        compiled(environment_variables={"DB_PASSWORD": "hunter2"})
    assert "hunter2" not in str(caught.value)
