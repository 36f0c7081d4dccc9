# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.identity import default
from tests.unit.identity.flows import GUID, settings


def kinds(cloud: str) -> list[str]:
    built = default.build(settings(auth="default", cloud=cloud), print)
    return [type(each).__name__ for each in built.credentials]  # type: ignore[attr-defined]


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pod that the workload identity webhook changed."""
    given = {
        "AZURE_TENANT_ID": GUID,
        "AZURE_CLIENT_ID": GUID,
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def test_nobody_is_asked_in_a_browser(pod: None) -> None:
    assert "InteractiveBrowserCredential" not in kinds("public")
    assert "WorkloadIdentityCredential" in kinds("public")


@pytest.mark.parametrize("cloud", ["usgovernment", "china"])
def test_another_cloud_goes_without_the_way_that_forgets_it(pod: None, cloud: str) -> None:
    assert "WorkloadIdentityCredential" not in kinds(cloud)
    assert "ManagedIdentityCredential" in kinds(cloud)
