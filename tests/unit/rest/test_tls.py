# SPDX-License-Identifier: Apache-2.0
"""Which bundle each HTTP library is told of; that they heed it is proven in tests/wire/test_tls.py."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi
import pytest

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.rest.tls import OF_OPENSSL, OF_REQUESTS, async_context, sync_options


@pytest.fixture(autouse=True)
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The public authorities in a file of the test's own; no variable is set."""
    for name in (*OF_REQUESTS, *OF_OPENSSL):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "bundle.pem"
    path.write_text(Path(certifi.where()).read_text())
    return path


def test_without_a_variable_each_library_keeps_its_own_authorities() -> None:
    assert (sync_options(), async_context()) == ({}, None)


@pytest.mark.parametrize("name", OF_REQUESTS)
def test_what_only_requests_reads_aiohttp_is_told(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(bundle))
    context = async_context()
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50
    assert sync_options() == {}


@pytest.mark.parametrize("name", OF_OPENSSL)
def test_what_only_aiohttp_reads_requests_is_told(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, name: str
) -> None:
    where = str(bundle if name == "SSL_CERT_FILE" else bundle.parent)
    monkeypatch.setenv(name, where)
    assert (sync_options(), async_context()) == ({"connection_verify": where}, None)


def test_the_variables_of_requests_come_first_in_its_own_order(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(empty))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = async_context()
    assert context is not None
    assert context.cert_store_stats()["x509_ca"] == 0, "a folder is looked up when it is needed"
    assert sync_options() == {}


def test_a_file_comes_before_a_folder(monkeypatch: pytest.MonkeyPatch, bundle: Path) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(bundle.parent))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert sync_options() == {"connection_verify": str(bundle)}


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OF_REQUESTS, *OF_OPENSSL):
        monkeypatch.setenv(name, "")
    assert (sync_options(), async_context()) == ({}, None)


@pytest.mark.parametrize("name", OF_OPENSSL)
def test_openssl_passes_over_what_is_not_there_and_so_do_we(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/nowhere/bundle.pem")
    assert (sync_options(), async_context()) == ({}, None)


@pytest.mark.parametrize("name", OF_REQUESTS)
@pytest.mark.parametrize("asked", [sync_options, async_context])
def test_a_bundle_that_is_not_there_is_said_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, asked
) -> None:
    monkeypatch.setenv(name, "/nowhere/bundle.pem")
    with pytest.raises(ConfigurationError, match=rf"{name}: '/nowhere/bundle.pem' does not exist"):
        asked()


def test_a_file_without_certificates_is_said_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, bundle: Path
) -> None:
    bundle.write_text("not PEM")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(ConfigurationError, match=r"REQUESTS_CA_BUNDLE: .* cannot be read as certificates"):
        async_context()


def test_a_bundle_is_read_once_until_it_changes(monkeypatch: pytest.MonkeyPatch, bundle: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    first = async_context()
    assert async_context() is first
    os.utime(bundle, (1, 1))
    assert async_context() is not first
