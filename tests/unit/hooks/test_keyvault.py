# SPDX-License-Identifier: Apache-2.0
"""How a version is read; the hook as a whole is proven in tests/wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_azureml.errors import ConfigurationError, NotFoundError, ServiceError
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook, _version
from airflow_provider_azureml.rotation.plan import SecretVersion

T = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_version_without_tags_is_nobodys() -> None:
    found = _version(SimpleNamespace(version="v", enabled=True, created_on=T, tags=None))
    assert found == SecretVersion("v", True, T, {})
    assert not found.is_ours


def test_a_version_without_a_time_cannot_be_ordered() -> None:
    with pytest.raises(ServiceError, match="NoCreatedOn"):
        _version(SimpleNamespace(version="v", enabled=True, created_on=None, tags={}))


class WithoutTheSecret(AzureKeyVaultHook):
    """A vault that answers as Key Vault does for a secret that nobody has made."""

    @contextmanager
    def _client(self, method: str, path: str) -> Iterator[Any]:
        raise NotFoundError(404, "SecretNotFound", f"{method} {path}")
        yield


def test_a_secret_that_was_never_made_has_no_versions_so_that_a_rotation_can_make_the_first() -> None:
    assert WithoutTheSecret("azureml_rotation").list_versions("airflow-registry") == []


def test_a_vaults_address_with_a_secret_in_it_is_refused_and_not_shown() -> None:
    hook = AzureKeyVaultHook("c", vault_url="https://user:TOPSECRET@v.vault.azure.net")
    with pytest.raises(ConfigurationError, match=r"vault_url: 'https://v.vault.azure.net' carries") as caught:
        hook.set_secret("n", "v")
    assert "SECRET" not in str(caught.value)
