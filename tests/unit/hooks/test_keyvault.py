# SPDX-License-Identifier: Apache-2.0
"""How a version is read; the hook as a whole is proven in tests/wire."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_azureml.errors import ServiceError
from airflow_provider_azureml.hooks.keyvault import _version
from airflow_provider_azureml.rotation.plan import SecretVersion

T = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_version_without_tags_is_nobodys() -> None:
    found = _version(SimpleNamespace(version="v", enabled=True, created_on=T, tags=None))
    assert found == SecretVersion("v", True, T, {})
    assert not found.is_ours


def test_a_version_without_a_time_cannot_be_ordered() -> None:
    with pytest.raises(ServiceError, match="NoCreatedOn"):
        _version(SimpleNamespace(version="v", enabled=True, created_on=None, tags={}))
