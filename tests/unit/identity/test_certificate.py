# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.identity import CertificateCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from airflow_provider_azureml.errors import ConfigurationError
from airflow_provider_azureml.identity import certificate
from airflow_provider_azureml.identity.certificate import content
from airflow_provider_azureml.identity.vaulted import Renewable, Stored
from tests.unit.identity.flows import APP, settings


def make() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A key and its self-signed certificate."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "train")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return key, builder.sign(key, hashes.SHA256())


@pytest.fixture(scope="module")
def made() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    return make()


def pem(made: tuple[rsa.RSAPrivateKey, x509.Certificate]) -> bytes:
    key, signed = made
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + signed.public_bytes(Encoding.PEM)


def pfx(made: tuple[rsa.RSAPrivateKey, x509.Certificate], password: str = "") -> bytes:
    scheme = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"train", *made, None, scheme)


def current(path: Path, password: str | None = None, **extra: object) -> object:
    own = settings(password, auth="certificate", **APP, certificate_file=str(path), **extra)
    built = certificate.build(own, lambda secret: None)
    assert isinstance(built, Renewable)
    return built._current()[1]


@pytest.mark.parametrize("kind", ["pem", "pfx", "locked pfx"])
def test_a_file_of_either_kind_signs(kind: str, made, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes({"pem": pem(made), "pfx": pfx(made), "locked pfx": pfx(made, "pw")}[kind])
    assert isinstance(current(path, "pw" if "locked" in kind else None), CertificateCredential)


def test_the_chain_is_sent_only_when_asked(made, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(pem(made))
    assert "public_certificate" not in current(path)._client_credential  # type: ignore[attr-defined]
    sends = current(path, send_certificate_chain=True)
    assert "public_certificate" in sends._client_credential  # type: ignore[attr-defined]


@pytest.mark.parametrize("password", [None, "wr0ng-pw"])
def test_what_cannot_be_opened_is_named_and_not_shown(password: str | None, made, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(pfx(made, "right") if password else b"-----BEGIN NOTHING-----")
    with pytest.raises(ConfigurationError, match=r"'certificate_file': .* holds no certificate") as caught:
        current(path, password)
    assert "wr0ng-pw" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_vault_gives_pem_as_text_and_pfx_as_base64(made) -> None:
    assert content(Stored("1", pem(made).decode())) == pem(made)
    whole = pfx(made)
    assert content(Stored("1", base64.b64encode(whole).decode())) == whole
    with pytest.raises(ValueError, match="neither PEM nor base64"):
        content(Stored("1", "???"))


def test_a_password_is_masked_before_anything_else(tmp_path: Path) -> None:
    masked: list[str] = []
    own = settings("pw", auth="certificate", **APP, certificate_file=str(tmp_path / "none"))
    certificate.build(own, masked.append)
    assert masked == ["pw"]
