# SPDX-License-Identifier: Apache-2.0
"""Tokens of the demo's identities, each obtained over HTTP the way that identity signs in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.wire.conftest import Sandbox

ARM = "https://management.azure.com"
STORAGE = "https://storage.azure.com"
VAULT = "https://vault.azure.net"
GRAPH = "https://graph.microsoft.com"
EXCHANGE = "api://AzureADTokenExchange"

#: Who signs in with the token file of a service account: namespace and name of the account.
ACCOUNTS = {
    "airflow-rotation": "airflow/rotation",
    "airflow-land": "airflow/land",
    "auditor": "airflow/auditor",
    "model-steward": "airflow/model-steward",
    "owner": "tests/owner",
    "scientist": "tests/scientist",
    "broker": "tests/broker",
    "directory-admin": "tests/admin",
}
#: Attached to the machine.
ON_THE_HOST = ("airflow-worker", "registry-reader", "run-prep", "run-train")
#: Applications that the machine's identity ``airflow-worker`` vouches for.
VOUCHED_FOR = ("airflow-prep", "airflow-train")


@dataclass
class Client:
    """HTTP to a sandbox, and the tokens of its identities, each asked for once."""

    sandbox: Sandbox
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = self.sandbox.description["environment"]
        self.http = httpx.Client(
            proxy=environment["HTTPS_PROXY"],
            verify=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]),
            trust_env=False,
            timeout=30,
        )
        self._plain = httpx.Client(trust_env=False, timeout=30)

    def close(self) -> None:
        self.http.close()
        self._plain.close()

    def bearer(self, identity: str, resource: str) -> dict[str, str]:
        """The header that makes a request this identity's."""
        key = (identity, resource)
        if key not in self._tokens:
            self._tokens[key] = self._sign_in(identity, resource)
        return {"Authorization": f"Bearer {self._tokens[key]}"}

    def service_account_file(self, identity: str) -> Path:
        """The projected token that an identity signs in with."""
        return Path(self.sandbox.description["service_account_tokens"]) / ACCOUNTS[identity] / "token"

    def client_secret(self, vault: str, name: str, reader: str) -> str:
        """A secret's latest value, as somebody who may read it."""
        answer = self.http.get(
            f"https://{vault}.vault.azure.net/secrets/{name}?api-version=7.4",
            headers=self.bearer(reader, VAULT),
        )
        return str(answer.raise_for_status().json()["value"])

    def metadata_token(self, identity: str, resource: str) -> str:
        """From the instance metadata service, for one of the machine's identities."""
        answer = self._plain.get(
            f"{self.sandbox.description['metadata_url']}/metadata/identity/oauth2/token",
            params={
                "api-version": "2018-02-01",
                "resource": resource,
                "client_id": self.sandbox.principal(identity)["client_id"],
            },
            headers={"Metadata": "true"},
        )
        return str(answer.raise_for_status().json()["access_token"])

    def _sign_in(self, identity: str, resource: str) -> str:
        if identity in ON_THE_HOST:
            return self.metadata_token(identity, resource)
        if identity == "airflow-registry":
            secret = self.client_secret("nightlyvault", "airflow-registry", "registry-reader")
            return self._application_token(identity, resource, client_secret=secret)
        if identity in VOUCHED_FOR:
            assertion = self.metadata_token("airflow-worker", EXCHANGE)
        else:
            assertion = self.service_account_file(identity).read_text()
        return self._application_token(
            identity,
            resource,
            client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )

    def _application_token(self, identity: str, resource: str, **proof: str) -> str:
        answer = self.http.post(
            f"https://login.microsoftonline.com/{self.sandbox.description['tenant_id']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.sandbox.principal(identity)["client_id"],
                "scope": f"{resource}/.default",
                **proof,
            },
        )
        return str(answer.raise_for_status().json()["access_token"])
