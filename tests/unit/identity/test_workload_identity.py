# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from airflow_provider_azureml.connection import parse
from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.identity import workload_identity
from airflow_provider_azureml.identity.workload_identity import FILE_VARIABLE, read_assertion

GUID = "11111111-2222-3333-4444-555555555555"


def token(expires: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


def read(path: Path, masked: list[str], now: float = 1000.0) -> str:
    return read_assertion("c1", path, masked.append, clock=lambda: now)


def test_the_file_is_read_every_time_and_its_newline_is_not_part_of_the_token(tmp_path: Path) -> None:
    path, masked = tmp_path / "t", []
    for expires in (2000, 3000):
        path.write_text(token(expires) + "\n")
        assert read(path, masked) == token(expires)
    assert masked == [token(2000), token(3000)]


def test_an_expired_token_is_refused_before_entra_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(token(900))
    with pytest.raises(DeniedError, match="expired 100 s ago"):
        read(path, [])


@pytest.mark.parametrize("content", [b"", b"not a token", b"\xff\xfe", b"a.b.c"])
def test_a_file_without_a_token_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="connection 'c1', assertion file") as caught:
        read(path, [])
    assert "a.b.c" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read(tmp_path / "none", [])


def test_without_a_file_in_the_connection_or_the_pod_the_mend_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    extra = {"auth": "workload_identity", "tenant_id": GUID, "client_id": GUID}
    with pytest.raises(ConfigurationError, match="label the pod"):
        workload_identity.build(parse("c1", "azureml", None, None, None, extra), print)
