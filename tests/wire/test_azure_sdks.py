# SPDX-License-Identifier: Apache-2.0
"""Unmodified storage, Key Vault and identity SDKs, blocking and for asyncio.

They run in a process of their own, whose environment names the proxy and the certificate authority
and nothing else of the sandbox.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.wire.conftest import Sandbox
from tests.wire.identities import GRAPH, Client

CLIENTS = Path(__file__).parent / "clients"
CREDENTIALS = {
    "ClientSecret": "scientist",
    "Certificate": "scientist",
    "ClientAssertion": "scientist",
    "WorkloadIdentity": "scientist",
    "ManagedIdentity": "airflow-worker",
    "ManagedIdentityAsFederated": "airflow-prep",
}


def run(script: str, sandbox: Sandbox, client: Client, given: str) -> dict[str, Any]:
    environment = {
        **sandbox.environment,
        "AZURE_TENANT_ID": sandbox.description["tenant_id"],
        "AZURE_CLIENT_ID": sandbox.principal("scientist")["client_id"],
        "AZURE_FEDERATED_TOKEN_FILE": str(client.service_account_file("scientist")),
        "WIRE_TEST": given,
    }
    done = subprocess.run(
        [sys.executable, str(CLIENTS / script)], env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr[-6000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def blocking(sandbox: Sandbox, client: Client) -> dict[str, Any]:
    return run("sdk_sync.py", sandbox, client, uuid.uuid4().hex[:8])


@pytest.fixture(scope="module")
def asynchronous(sandbox: Sandbox, client: Client) -> dict[str, Any]:
    return run("sdk_async.py", sandbox, client, uuid.uuid4().hex[:8])


def certificate(folder: Path) -> tuple[Path, bytes]:
    """A key with its self-signed certificate in one PEM file, and the certificate as DER."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scientist")])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "scientist.pem"
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path, signed.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def signed_in(sandbox: Sandbox, client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every credential obtained; the certificate is put on the application through Graph."""
    pem, der = certificate(tmp_path_factory.mktemp("certificate"))
    scientist = sandbox.principal("scientist")["client_id"]
    added = client.http.patch(
        f"https://graph.microsoft.com/v1.0/applications(appId='{scientist}')",
        json={
            "keyCredentials": [
                {
                    "type": "AsymmetricX509Cert",
                    "usage": "Verify",
                    "displayName": "wire",
                    "key": base64.b64encode(der).decode(),
                }
            ]
        },
        headers=client.bearer("directory-admin", GRAPH),
    )
    assert added.status_code == 204, added.text
    given = {
        "tenant": sandbox.description["tenant_id"],
        "scientist": scientist,
        "prep": sandbox.principal("airflow-prep")["client_id"],
        "worker": sandbox.principal("airflow-worker")["client_id"],
        "token_file": str(client.service_account_file("scientist")),
        "secret": client.client_secret("classicvault", "scientist", "owner"),
        "certificate": str(pem),
    }
    return run("sdk_identity.py", sandbox, client, json.dumps(given))


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_each_credential_signs_in_as_the_principal_it_stands_for(
    signed_in: dict[str, Any], sandbox: Sandbox, credential: str, flavour: str
) -> None:
    who = sandbox.principal(CREDENTIALS[credential])
    assert signed_in[flavour][credential] == {
        "oid": who["object_id"],
        "tid": sandbox.description["tenant_id"],
        "aud": "https://management.azure.com",
        "appid": who["client_id"],
    }


def test_a_wrong_secret_is_refused_in_entras_words(signed_in: dict[str, Any]) -> None:
    assert "AADSTS7000215: Invalid client secret provided." in signed_in["wrong"]
    assert "not the secret\n" not in signed_in["wrong"]


def test_the_blocking_lake_sdk_creates_reads_renames_lists_and_deletes(blocking: dict[str, Any]) -> None:
    lake = blocking["lake"]
    assert lake == {
        "whole": "hello lake",
        "part": "la",
        "same": True,
        "acl": "user::rwx,group::r-x,other::---",
        "paths": ["b c=1", "b c=1/big", "b c=1/empty", "b c=1/rows.csv"],
        "size": 10,
        "metadata": {"origin": "wire"},
        "conflict": "PathAlreadyExists",
        "gone": "404",
        "systems": ["data"],
    }


def test_the_blocking_blob_sdk_uploads_blocks_pages_and_reads_ranges(blocking: dict[str, Any]) -> None:
    blobs = blocking["blobs"]
    assert (blobs["exists"], blobs["beyond"]) == ("BlobAlreadyExists", "InvalidRange")
    assert blobs["same"] is True
    assert blobs["ranged"] is True
    assert (blobs["pages"], blobs["walked"]) == (3, 13)
    assert [name.rpartition("/")[2] for name in blobs["left"]] == ["blocks.bin"]


def test_the_blocking_vault_sdk_keeps_versions_and_refuses_disabled_ones(blocking: dict[str, Any]) -> None:
    secrets = blocking["secrets"]
    assert secrets == {
        "latest": "two",
        "disabled": "403 Forbidden",
        "versions": [False, True],
        "listed": True,
        "missing": "SecretNotFound",
    }


def test_the_asynchronous_lake_sdk_creates_reads_renames_lists_and_deletes(
    asynchronous: dict[str, Any],
) -> None:
    lake = asynchronous["lake"]
    assert lake == {"length": 10_000, "part": "lake", "paths": ["a", "a/moved.csv"], "gone": "404"}


def test_the_asynchronous_blob_sdk_works_on_many_blobs_at_once(asynchronous: dict[str, Any]) -> None:
    assert asynchronous["blobs"] == {"listed": True, "same": True}


def test_the_asynchronous_vault_sdk_keeps_versions(asynchronous: dict[str, Any]) -> None:
    assert asynchronous["secrets"] == {"latest": "two", "versions": 2}
