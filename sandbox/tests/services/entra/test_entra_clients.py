# SPDX-License-Identifier: Apache-2.0
"""Unmodified azure-identity, sync and async, against the running sandbox."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.identity import aio as identity_aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

ARM = "https://management.azure.com/.default"


def identity(sandbox: Sandbox, name: str) -> Identity:
    found = sandbox.cloud.port(Registry).identity_by_name(name)
    assert found is not None
    return found


def oid(sandbox: Sandbox, token: str) -> str:
    """The object id in a token that the sandbox itself accepts."""
    return str(sandbox.cloud.entra.verify(token, sandbox.cloud.clock.time())["oid"])


def secret(sandbox: Sandbox, name: str) -> tuple[str, str, str]:
    app = identity(sandbox, name)
    now = sandbox.cloud.clock.time()
    _, text = sandbox.cloud.port(Registry).add_password(app.client_id, None, now, now + 600, at_once=True)
    return sandbox.cloud.tenant_id, app.client_id, text


def trust(sandbox: Sandbox) -> dict[str, str]:
    """aiohttp reads SSL_CERT_FILE once, when it is imported, and another test may have been first.

    That the variable alone does for a process of its own is shown in tests/wire/test_azure_sdks.py.
    """
    return {"connection_verify": sandbox.environment["SSL_CERT_FILE"]}


def test_client_secret_credential(as_client: Sandbox) -> None:
    with ClientSecretCredential(*secret(as_client, "nobody")) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == identity(as_client, "nobody").principal_id


async def test_async_client_secret_credential(as_client: Sandbox) -> None:
    async with identity_aio.ClientSecretCredential(
        *secret(as_client, "nobody"), **trust(as_client)
    ) as credential:
        token = await credential.get_token(ARM)
    assert oid(as_client, token.token) == identity(as_client, "nobody").principal_id


def test_a_wrong_secret_reaches_the_caller_with_entras_number(as_client: Sandbox) -> None:
    tenant, client, _ = secret(as_client, "nobody")
    with (
        ClientSecretCredential(tenant, client, "wrong") as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(ARM)


def test_workload_identity_credential(as_client: Sandbox) -> None:
    train = identity(as_client, "train")
    file = as_client.cloud.data / "serviceaccounts" / "airflow" / "train" / "token"
    with WorkloadIdentityCredential(
        tenant_id=as_client.cloud.tenant_id, client_id=train.client_id, token_file_path=str(file)
    ) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == train.principal_id


async def test_async_workload_identity_credential(as_client: Sandbox) -> None:
    train = identity(as_client, "train")
    file = as_client.cloud.data / "serviceaccounts" / "airflow" / "train" / "token"
    async with identity_aio.WorkloadIdentityCredential(
        tenant_id=as_client.cloud.tenant_id,
        client_id=train.client_id,
        token_file_path=str(file),
        **trust(as_client),
    ) as credential:
        assert oid(as_client, (await credential.get_token(ARM)).token) == train.principal_id


def test_managed_identity_credential(as_client: Sandbox) -> None:
    worker = identity(as_client, "mi-worker")
    with ManagedIdentityCredential(client_id=worker.client_id) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == worker.principal_id
    with ManagedIdentityCredential(identity_config={"resource_id": worker.resource_id}) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == worker.principal_id


async def test_async_managed_identity_credential(as_client: Sandbox) -> None:
    worker = identity(as_client, "mi-worker")
    async with identity_aio.ManagedIdentityCredential(client_id=worker.client_id) as credential:
        assert oid(as_client, (await credential.get_token(ARM)).token) == worker.principal_id


def test_managed_identity_through_the_proxy(as_client: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pod identity variable the SDK asks 169.254.169.254, which the proxy answers."""
    monkeypatch.delenv("AZURE_POD_IDENTITY_AUTHORITY_HOST")
    worker = identity(as_client, "mi-worker")
    with ManagedIdentityCredential(client_id=worker.client_id) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == worker.principal_id


def test_an_identity_that_is_not_attached_is_named_in_the_error(as_client: Sandbox) -> None:
    with (
        ManagedIdentityCredential(client_id="00000000-0000-4000-8000-000000000000") as credential,
        pytest.raises(ClientAuthenticationError, match="Identity not found"),
    ):
        credential.get_token(ARM)


def test_a_managed_identity_speaks_for_an_application(as_client: Sandbox) -> None:
    worker, train = identity(as_client, "mi-worker"), identity(as_client, "train")
    with ManagedIdentityCredential(client_id=worker.client_id) as source:

        def assertion() -> str:
            return source.get_token("api://AzureADTokenExchange/.default").token

        with ClientAssertionCredential(as_client.cloud.tenant_id, train.client_id, assertion) as credential:
            assert oid(as_client, credential.get_token(ARM).token) == train.principal_id


def _certificate(path: Path) -> bytes:
    """A self-signed certificate; the PEM file holds its key too. Returns the DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "airflow")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear)
    path.write_bytes(private + certificate.public_bytes(pem))
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def certificate(identities: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file whose certificate the application "nobody" has registered through Graph."""
    path = tmp_path_factory.mktemp("pem") / "client.pem"
    body = {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(_certificate(path)).decode(),
        "displayName": "airflow",
    }
    answer = identities.http.patch(
        f"https://graph.microsoft.com/v1.0/applications(appId='{identity(identities, 'nobody').client_id}')",
        json={"keyCredentials": [body]},
        headers=identities.bearer("admin", "https://graph.microsoft.com"),
    )
    assert answer.status_code == 204
    return path


def test_certificate_credential(as_client: Sandbox, certificate: Path) -> None:
    nobody = identity(as_client, "nobody")
    with CertificateCredential(
        as_client.cloud.tenant_id, nobody.client_id, certificate_path=str(certificate)
    ) as credential:
        assert oid(as_client, credential.get_token(ARM).token) == nobody.principal_id


async def test_async_certificate_credential(as_client: Sandbox, certificate: Path) -> None:
    nobody = identity(as_client, "nobody")
    async with identity_aio.CertificateCredential(
        as_client.cloud.tenant_id, nobody.client_id, certificate_path=str(certificate), **trust(as_client)
    ) as credential:
        assert oid(as_client, (await credential.get_token(ARM)).token) == nobody.principal_id


def test_a_certificate_that_is_not_registered_is_refused(as_client: Sandbox, tmp_path: Path) -> None:
    _certificate(tmp_path / "other.pem")
    with (
        CertificateCredential(
            as_client.cloud.tenant_id,
            identity(as_client, "nobody").client_id,
            certificate_path=str(tmp_path / "other.pem"),
        ) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(ARM)


def test_a_registered_certificate_does_not_speak_for_another_application(
    as_client: Sandbox, certificate: Path
) -> None:
    with (
        CertificateCredential(
            as_client.cloud.tenant_id,
            identity(as_client, "legacy").client_id,
            certificate_path=str(certificate),
        ) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(ARM)
