# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.identity import source_kubernetes
from tests.unit.identity.flows import federated, jwt


def read(path: Path, masked: list[str], now: float = 1000.0, **extra: str) -> str:
    own = federated("kubernetes", assertion_file=str(path), **extra)
    return source_kubernetes.read(
        own, str(path), masked.append, clock=lambda: now, sleep=lambda seconds: None
    )


def test_the_file_is_read_every_time_and_its_newline_is_not_part_of_the_token(tmp_path: Path) -> None:
    path, masked = tmp_path / "t", []
    for expires in (2000, 3000):
        path.write_text(jwt(exp=expires) + "\n")
        assert read(path, masked) == jwt(exp=expires)
    assert masked == [jwt(exp=2000), jwt(exp=3000)]


def test_a_token_that_is_just_being_renewed_is_read_once_more(tmp_path: Path) -> None:
    path, waits = tmp_path / "t", []
    path.write_text(jwt(exp=1030))

    def kubelet(seconds: float) -> None:
        waits.append(seconds)
        path.write_text(jwt(exp=4000))

    own = federated("kubernetes", assertion_file=str(path))
    found = source_kubernetes.read(own, str(path), lambda token: None, lambda: 1000.0, kubelet)
    assert (found, waits) == (jwt(exp=4000), [0.2])


def test_an_expired_token_is_refused_before_entra_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(jwt(exp=900))
    with pytest.raises(DeniedError, match=r"connection 'c1', assertion file .* expired 100 s ago"):
        read(path, [])


def test_the_file_that_aws_uses_is_refused_by_its_audience(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(jwt(aud=["sts.amazonaws.com"]))
    with pytest.raises(DeniedError, match=r"another audience .*audience 'sts.amazonaws.com'"):
        read(path, [])
    assert read(path, [], assertion_audience="sts.amazonaws.com") == jwt(aud=["sts.amazonaws.com"])


@pytest.mark.parametrize(("cloud", "suffix"), [("usgovernment", "USGov"), ("china", "China")])
def test_each_cloud_has_its_own_audience(tmp_path: Path, cloud: str, suffix: str) -> None:
    path = tmp_path / "t"
    path.write_text(jwt(aud=f"api://AzureADTokenExchange{suffix}"))
    assert read(path, [], cloud=cloud)
    with pytest.raises(DeniedError, match="AssertionAudience"):
        read(path, [])


@pytest.mark.parametrize("content", [b"", b"not a token", b"\xff\xfe", b"a.b.c"])
def test_a_file_without_a_token_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises((ConfigurationError, DeniedError), match="connection 'c1'") as caught:
        read(path, [])
    assert str(path) in str(caught.value)
    assert "a.b.c" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"extra 'assertion_file': .*No such file"):
        read(tmp_path / "none", [])


def test_the_source_reads_the_connections_file(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text(jwt())
    fetch = source_kubernetes.assertion(federated("kubernetes", assertion_file=str(path)), lambda t: None)
    assert fetch() == jwt()
