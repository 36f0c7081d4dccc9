# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import azure.identity
import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.identity import workload_identity
from airflow_provider_azureml.identity.workload_identity import FILE_VARIABLE
from tests.unit.identity.flows import APP, GUID, jwt, settings


def test_without_a_file_in_the_connection_or_the_pod_the_mend_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match="label the pod"):
        workload_identity.build(settings(auth="workload_identity", **APP), print)


@pytest.mark.parametrize("named_by", ["connection", "pod"])
def test_each_sign_in_sends_what_is_in_the_file_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named_by: str
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        azure.identity,
        "ClientAssertionCredential",
        lambda tenant, client, func, **options: seen.append((tenant, client, func, options)),
    )
    path = tmp_path / "t"
    monkeypatch.setenv(FILE_VARIABLE, str(path if named_by == "pod" else tmp_path / "other"))
    extra = {} if named_by == "pod" else {"assertion_file": str(path)}
    workload_identity.build(settings(auth="workload_identity", **APP, **extra), lambda token: None)
    tenant, client, func, options = seen[0]
    assert (tenant, client, options["authority"]) == (GUID, GUID, "https://login.microsoftonline.com")
    for expires in (9_999_999_998, 9_999_999_999):
        path.write_text(jwt(exp=expires))
        assert func() == jwt(exp=expires)
