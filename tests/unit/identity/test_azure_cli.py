# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.identity import azure_cli
from tests.unit.identity.flows import GUID, settings


@pytest.mark.parametrize("extra", [{}, {"tenant_id": GUID}])
def test_the_tenant_is_asked_for_when_one_is_given(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, str]
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(azure.identity, "AzureCliCredential", lambda **options: seen.append(options))
    azure_cli.build(settings(auth="azure_cli", **extra), print)
    assert seen == [{"tenant_id": extra.get("tenant_id", ""), "process_timeout": 30}]
