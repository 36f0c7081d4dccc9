# SPDX-License-Identifier: Apache-2.0
"""The connections of ``every_way.yaml``, one or more for each way to be somebody, in one cloud's sandbox."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from string import Template
from typing import Any

import httpx
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

from airflow_provider_azureml.clouds import Cloud
from tests.wire.conftest import ROOT, Sandbox

SEED = Path(__file__).parent / "every_way.yaml"
#: What the Azure CLI calls the clouds that it is not in from the start.
CLI_NAMES = {"usgovernment": "AzureUSGovernment", "china": "AzureChinaCloud"}
PASSWORD = "pfx-pässword"


@dataclass(frozen=True)
class Way:
    """A connection, the environment that it needs, and the seed's name of whom it becomes."""

    who: str
    extra: dict[str, Any]
    password: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def write_seed(path: Path, cloud: Cloud) -> Path:
    """The seed for one cloud."""
    path.write_text(Template(SEED.read_text()).substitute(AUDIENCE=cloud.assertion_audience))
    return path


def ways(sandbox: Sandbox, cloud: Cloud, folder: Path) -> dict[str, Way]:
    """All ways by name; puts certificates on an application and into the vault, and logs the Azure CLI in."""
    with closing(Certificates(sandbox, cloud, folder)) as made:
        cli = signed_in_cli(sandbox, cloud, folder, made.token_file("train"))
        tenant = sandbox.description["tenant_id"]
        asks_cli = Way(
            "pod", {"auth": "azure_cli", "cloud": cloud.name, "tenant_id": tenant}, environment=cli
        )
        return {**own_ways(sandbox, cloud, made), "azure_cli": asks_cli}


def own_ways(sandbox: Sandbox, cloud: Cloud, made: Certificates) -> dict[str, Way]:
    """Those that need nothing but the package."""
    described, tenant = sandbox.description, sandbox.description["tenant_id"]
    vaulted = {
        "credential_vault_url": f"https://whovault.{cloud.vault_suffix}",
        "credential_reader_client_id": sandbox.principal("reader")["client_id"],
    }

    def app(who: str, auth: str, **extra: Any) -> dict[str, Any]:
        client = sandbox.principal(who)["client_id"]
        return {"auth": auth, "tenant_id": tenant, "client_id": client, "cloud": cloud.name, **extra}

    def trusting(who: str, source: str, password: str = "", **extra: Any) -> Way:
        return Way(who, app(who, "federated", federated_source=source, **extra), password)

    def aws(who: str, profile: str, source: str, **extra: Any) -> Way:
        keys = {"AWS_SHARED_CREDENTIALS_FILE": described["aws"]["credentials_file"], "AWS_PROFILE": profile}
        way = trusting(who, source, aws_region="eu-west-1", **extra)
        return Way(who, way.extra, "", keys)

    def managed(**extra: str) -> Way:
        return Way("worker", {"auth": "managed_identity", "cloud": cloud.name, **extra})

    worker, token = sandbox.principal("worker"), str(made.token_file("train"))
    pool = described["aws"]["identity_pools"]["airflow"]["id"]
    okta = {"issuer_url": "https://example.okta.com/oauth2/airflow", "source_scope": "azure"}
    okta["source_client_id"] = described["okta"]["clients"]["example/train"]["client_id"]
    okta_key = Path(described["okta"]["clients"]["example/train"]["key_file"])
    made.into_vault("okta-key", okta_key.read_text())
    own = {name: getattr(cloud, name) for name in Cloud.__dataclass_fields__} | {"name": "own"}
    secret, who = made.secret("secret"), sandbox.principal("secret")["client_id"]
    strays = {"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": who, "AZURE_CLIENT_SECRET": secret}
    anybody = {"auth": "default", "cloud": cloud.name}
    return {
        "workload_identity": Way("pod", app("pod", "workload_identity", assertion_file=token)),
        "workload_identity, file named by the pod": Way(
            "pod", app("pod", "workload_identity"), environment={"AZURE_FEDERATED_TOKEN_FILE": token}
        ),
        "federated by kubernetes": trusting("pod", "kubernetes", assertion_file=token),
        "federated by managed_identity": trusting(
            "vouched", "managed_identity", source_client_id=worker["client_id"]
        ),
        "federated by okta": trusting("okta", "okta", okta_key.read_text(), **okta),
        "federated by okta, key in a file": trusting("okta", "okta", source_key_file=str(okta_key), **okta),
        "federated by okta, key in Key Vault": trusting(
            "okta", "okta", **okta, **vaulted, credential_name="okta-key"
        ),
        "federated by aws_sts": aws("aws", "direct", "aws_sts"),
        "federated by aws_sts, role assumed": aws(
            "role", "worker", "aws_sts", aws_role_arn="arn:aws:iam::123456789012:role/train", aws_tags=True
        ),
        "federated by aws_sts, a pod's own role": Way(
            "irsa",
            app("irsa", "federated", federated_source="aws_sts", aws_region="eu-west-1"),
            environment={
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/irsa",
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(made.token_file("other")),
                "AWS_REGION": "eu-west-1",
                "AWS_DEFAULT_REGION": "eu-west-1",
            },
        ),
        "federated by cognito": aws(
            "cognito",
            "direct",
            "cognito",
            cognito_pool_id=pool,
            cognito_provider="airflow",
            cognito_login="train",
        ),
        "federated by gcp_metadata": trusting("gcp", "gcp_metadata"),
        "managed_identity by client id": managed(client_id=worker["client_id"]),
        "managed_identity by object id": managed(object_id=worker["object_id"]),
        "managed_identity by resource id": managed(resource_id=worker["resource_id"]),
        "certificate, PEM file": Way(
            "certified", app("certified", "certificate", certificate_file=str(made.pem))
        ),
        "certificate, PFX file with a password": Way(
            "certified",
            app("certified", "certificate", certificate_file=str(made.pfx), send_certificate_chain=True),
            PASSWORD,
        ),
        "certificate in Key Vault": Way(
            "certified", app("certified", "certificate", **vaulted, credential_name="certificate")
        ),
        "client_secret": Way("secret", app("secret", "client_secret"), secret),
        "client_secret in Key Vault": Way(
            "secret", app("secret", "client_secret", **vaulted, credential_name="secret")
        ),
        "client_secret, cloud written out": Way(
            "secret", app("secret", "client_secret") | {"cloud": own}, secret
        ),
        "default, a secret in the environment": Way("secret", anybody, environment=strays),
        "default, the machine's identity": Way(
            "worker", anybody, environment={"AZURE_CLIENT_ID": worker["client_id"]}
        ),
    }


def signed_in_cli(sandbox: Sandbox, cloud: Cloud, folder: Path, token_file: Path) -> dict[str, str]:
    """The unmodified Azure CLI, logged in to this cloud as application ``pod``; the environment that says so."""
    az = Path(os.environ.get("AZURE_CLI", str(ROOT / ".venv-az" / "bin" / "az")))
    found = {
        "AZURE_CONFIG_DIR": str(folder / "az"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "PATH": os.pathsep.join([str(az.parent), os.environ["PATH"]]),
    }
    client, tenant = sandbox.principal("pod")["client_id"], sandbox.description["tenant_id"]
    who = ["--username", client, "--tenant", tenant, "--federated-token", token_file.read_text().strip()]
    calls = [["login", "--service-principal", "--allow-no-subscriptions", *who]]
    if cloud.name != "public":
        calls.insert(0, ["cloud", "set", "--name", CLI_NAMES[cloud.name]])
    for call in calls:
        command, environment = [str(az), *call], {**sandbox.environment, **found}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"az {call[0]}: {done.stderr[-3000:]}"
    return found


class Certificates:
    """A certificate with its key: on the application, in files, in the vault. And the admin who does that."""

    def __init__(self, sandbox: Sandbox, cloud: Cloud, folder: Path) -> None:
        self._sandbox, self._cloud = sandbox, cloud
        environment = sandbox.description["environment"]
        context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        self._http = httpx.Client(proxy=environment["HTTPS_PROXY"], verify=context, trust_env=False)
        key, signed = _signed()
        self.pem, self.pfx = folder / "certificate.pem", folder / "certificate.pfx"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.pem.write_bytes(secret + signed.public_bytes(Encoding.PEM))
        locked = BestAvailableEncryption(PASSWORD.encode())
        self.pfx.write_bytes(pkcs12.serialize_key_and_certificates(b"c", key, signed, None, locked))
        self._on_application(base64.b64encode(signed.public_bytes(Encoding.DER)).decode())
        whole = pkcs12.serialize_key_and_certificates(b"c", key, signed, None, NoEncryption())
        self.into_vault("certificate", base64.b64encode(whole).decode(), "application/x-pkcs12")

    def close(self) -> None:
        self._http.close()

    def token_file(self, account: str) -> Path:
        """The projected token of a service account."""
        return Path(self._sandbox.description["service_account_tokens"]) / "airflow" / account / "token"

    def into_vault(self, name: str, value: str, kind: str = "") -> None:
        """A new version of a secret."""
        url = f"https://whovault.{self._cloud.vault_suffix}/secrets/{name}?api-version=7.4"
        body = {"value": value, **({"contentType": kind} if kind else {})}
        self._http.put(url, json=body, headers=self._bearer(self._cloud.vault_scope)).raise_for_status()

    def secret(self, name: str) -> str:
        """The latest version of a secret."""
        url = f"https://whovault.{self._cloud.vault_suffix}/secrets/{name}?api-version=7.4"
        answer = self._http.get(url, headers=self._bearer(self._cloud.vault_scope)).raise_for_status()
        return str(answer.json()["value"])

    def _on_application(self, der: str) -> None:
        client = self._sandbox.principal("certified")["client_id"]
        key = {"type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "wire", "key": der}
        url = f"{self._cloud.graph}/v1.0/applications(appId='{client}')"
        headers = self._bearer(self._cloud.graph_scope)
        self._http.patch(url, json={"keyCredentials": [key]}, headers=headers).raise_for_status()

    def _bearer(self, scope: str) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._sandbox.principal("admin")["client_id"],
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.token_file("admin").read_text().strip(),
            "scope": scope,
        }
        url = f"{self._cloud.authority}/{self._sandbox.description['tenant_id']}/oauth2/v2.0/token"
        answer = self._http.post(url, data=form).raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def _signed() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "certified")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(minutes=5))
    return key, builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
