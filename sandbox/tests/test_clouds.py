# SPDX-License-Identifier: Apache-2.0
"""A sandbox of each of the three clouds, asked by unmodified SDKs with that cloud's names.

The names are written down again here: a typing error in ``kernel/clouds.py`` is to show.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from azure.identity import AzureAuthorityHosts, ClientSecretCredential, ManagedIdentityCredential
from azure.identity import aio as identity_aio
from azure.keyvault.secrets import SecretClient
from azure.storage.filedatalake import DataLakeServiceClient

from azure_sandbox.kernel.ports import Registry
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.kernel.tokens import unverified_claims
from azure_sandbox.testing import Sandbox, in_process, serving


class Names(NamedTuple):
    """What a client of one cloud is configured with; ``foreign`` is a host of another cloud."""

    authority: str
    management: str
    classic: str
    graph: str
    ml: str
    dfs: str
    vault: str
    region: str
    v1_issuer: str
    v2_issuer: str
    exchange: str
    foreign: str


CLOUDS = {
    "public": Names(
        AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
        "https://management.azure.com",
        "https://management.core.windows.net",
        "https://graph.microsoft.com",
        "https://ml.azure.com",
        "https://clouds.dfs.core.windows.net",
        "https://clouds.vault.azure.net",
        "https://eastus.api.azureml.ms",
        "https://sts.windows.net/{tenant}/",
        "https://login.microsoftonline.com/{tenant}/v2.0",
        "api://AzureADTokenExchange",
        "https://login.microsoftonline.us",
    ),
    "usgovernment": Names(
        AzureAuthorityHosts.AZURE_GOVERNMENT,
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://graph.microsoft.us",
        "https://ml.azure.us",
        "https://clouds.dfs.core.usgovcloudapi.net",
        "https://clouds.vault.usgovcloudapi.net",
        "https://usgovvirginia.api.ml.azure.us",
        "https://sts.windows.net/{tenant}/",
        "https://login.microsoftonline.us/{tenant}/v2.0",
        "api://AzureADTokenExchangeUSGov",
        "https://management.azure.com",
    ),
    "china": Names(
        AzureAuthorityHosts.AZURE_CHINA,
        "https://management.chinacloudapi.cn",
        "https://management.core.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://ml.azure.cn",
        "https://clouds.dfs.core.chinacloudapi.cn",
        "https://clouds.vault.azure.cn",
        "https://chinaeast2.api.ml.azure.cn",
        "https://sts.chinacloudapi.cn/{tenant}/",
        "https://login.partner.microsoftonline.cn/{tenant}/v2.0",
        "api://AzureADTokenExchangeChina",
        "https://vault.vault.azure.net",
    ),
}


def seed(cloud: str) -> dict[str, object]:
    return {
        "cloud": cloud,
        "resource_groups": ["ml"],
        "managed_identities": [{"name": "worker", "resource_group": "ml"}],
        "host_identities": ["worker"],
        "applications": [
            {
                "name": "train",
                "app_roles": ["Application.Read.All"],
                "federated_credentials": [{"name": "mi", "issuer": "entra", "subject": "identity:worker"}],
            }
        ],
        "storage_accounts": [{"name": "clouds", "resource_group": "ml", "containers": ["data"]}],
        "key_vaults": [{"name": "clouds", "resource_group": "ml"}],
        "workspaces": [
            {"name": "ws", "resource_group": "ml", "storage_account": "clouds", "key_vault": "clouds"}
        ],
        "role_assignments": [
            {"principal": "train", "role": "Owner", "scope": "subscription"},
            {"principal": "train", "role": "Key Vault Administrator", "scope": "subscription"},
            {"principal": "train", "role": "Storage Blob Data Owner", "scope": "subscription"},
        ],
    }


class Client(NamedTuple):
    """A sandbox of one cloud, its names, and an application of it with a secret."""

    sandbox: Sandbox
    names: Names
    tenant: str
    client_id: str
    secret: str

    def credential(self) -> ClientSecretCredential:
        return ClientSecretCredential(
            self.tenant, self.client_id, self.secret, authority=self.names.authority
        )


@pytest.fixture(scope="module", params=sorted(CLOUDS))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp(request.param), seed(request.param)) as sandbox:
        registry = sandbox.cloud.port(Registry)
        train = registry.identity_by_name("train")
        assert train is not None
        _, secret = registry.add_password(train.client_id, None, 0.0, time.time() + 3600, at_once=True)
        yield Client(sandbox, CLOUDS[request.param], sandbox.cloud.tenant_id, train.client_id, secret)


@pytest.fixture
def client(running: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    for name, value in running.sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return running


def test_azure_identity_signs_in_at_each_clouds_authority(client: Client) -> None:
    with client.credential() as credential:
        token = credential.get_token(f"{client.names.management}/.default").token
    claims = unverified_claims(token)
    assert claims["iss"] == client.names.v1_issuer.format(tenant=client.tenant)
    assert claims["aud"] == client.names.management
    answer = client.sandbox.http.get(
        f"{client.names.management}/subscriptions?api-version=2022-12-01",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert [entry["tenantId"] for entry in answer.json()["value"]] == [client.tenant]


async def test_azure_identity_for_asyncio_does_too(client: Client) -> None:
    trust = client.sandbox.environment["SSL_CERT_FILE"]
    async with identity_aio.ClientSecretCredential(
        client.tenant,
        client.client_id,
        client.secret,
        authority=client.names.authority,
        connection_verify=trust,
    ) as credential:
        token = await credential.get_token(f"{client.names.graph}/.default")
    assert unverified_claims(token.token)["roles"] == ["Application.Read.All"]


def test_the_lake_and_the_vault_work_with_that_clouds_hosts(client: Client) -> None:
    with client.credential() as credential:
        with DataLakeServiceClient(client.names.dfs, credential=credential) as lake:
            file = lake.get_file_client("data", "a.txt")
            file.upload_data(b"here", overwrite=True)
            assert file.download_file().readall() == b"here"
            assert file.url.startswith(client.names.dfs)
        with SecretClient(client.names.vault, credential=credential) as vault:
            identifier = vault.set_secret("word", "hush").id
    assert identifier is not None
    assert identifier.startswith(f"{client.names.vault}/secrets/word/")


def test_graph_and_the_regions_host_take_that_clouds_audiences(client: Client) -> None:
    tokens = {audience: client.sandbox.bearer("train", audience) for audience in client.names[2:5]}
    http, names = client.sandbox.http, client.names
    found = http.get(f"{names.graph}/v1.0/applications", headers=tokens[names.graph])
    assert found.json()["@odata.context"].startswith(f"{names.graph}/v1.0/")
    workspace = f"/subscriptions/{client.sandbox.cloud.subscription_id}/resourceGroups/ml/providers/"
    workspace += "Microsoft.MachineLearningServices/workspaces/ws"
    runs = f"{names.region}/history/v1.0{workspace}/experiments"
    assert http.get(runs, headers=tokens[names.ml]).status_code != 401
    assert http.get(runs, headers=tokens[names.graph]).status_code == 401
    arm = http.get(
        f"{names.management}{workspace}?api-version=2024-10-01", headers=tokens[names.classic]
    ).json()
    assert arm["properties"]["discoveryUrl"] == f"{names.region}/discovery"


def test_the_machines_identity_is_exchanged_under_that_clouds_audience(client: Client) -> None:
    with ManagedIdentityCredential() as machine:
        assertion = machine.get_token(f"{client.names.exchange}/.default").token
    assert unverified_claims(assertion)["iss"] == client.names.v2_issuer.format(tenant=client.tenant)
    answer = client.sandbox.http.post(
        f"https://{client.names.authority}/{client.tenant}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "scope": f"{client.names.management}/.default",
            "client_id": client.client_id,
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )
    assert answer.status_code == 200, answer.text


def test_a_resource_of_another_cloud_is_unknown(client: Client) -> None:
    others = [names for names in CLOUDS.values() if names != client.names]
    for audience in (others[0].management, others[1].exchange, others[0].dfs):
        answer = client.sandbox.http.post(
            f"https://{client.names.authority}/{client.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "scope": f"{audience}/.default",
                "client_id": client.client_id,
                "client_secret": client.secret,
            },
        )
        assert answer.json()["error_codes"] == [500011]


def test_hosts_of_another_cloud_are_foreign(client: Client) -> None:
    with pytest.raises(httpx.ProxyError, match="403"):
        client.sandbox.http.get(client.names.foreign)


def test_the_documents_name_that_cloud(client: Client) -> None:
    authority = f"https://{client.names.authority}"
    base = f"{authority}/{client.tenant}"
    second = client.sandbox.http.get(f"{base}/v2.0/.well-known/openid-configuration").json()
    assert second["issuer"] == client.names.v2_issuer.format(tenant=client.tenant)
    assert second["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    assert f"https://{second['msgraph_host']}" == client.names.graph
    first = client.sandbox.http.get(f"{base}/.well-known/openid-configuration").json()
    assert first["issuer"] == client.names.v1_issuer.format(tenant=client.tenant)
    instance = client.sandbox.http.get(
        f"{authority}/common/discovery/instance",
        params={"api-version": "1.1", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize"},
    ).json()
    assert instance["tenant_discovery_endpoint"] == f"{base}/v2.0/.well-known/openid-configuration"
    assert any(client.names.authority in entry["aliases"] for entry in instance["metadata"])


def test_arm_of_every_cloud_lists_all_clouds(client: Client) -> None:
    url = f"{client.names.management}/metadata/endpoints?api-version=2022-09-01"
    listed = {entry["name"]: entry for entry in client.sandbox.http.get(url).json()}
    assert set(listed) == {"AzureCloud", "AzureUSGovernment", "AzureChinaCloud"}
    login = f"https://{client.names.authority}"
    own = next(entry for entry in listed.values() if entry["authentication"]["loginEndpoint"] == login)
    assert own["resourceManager"].rstrip("/") == client.names.management


def test_an_unknown_instance_is_refused(client: Client) -> None:
    answer = client.sandbox.http.get(
        f"https://{client.names.authority}/common/discovery/instance",
        params={"authorization_endpoint": "https://login.example.org/x/oauth2/v2.0/authorize"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_instance")


def test_there_is_no_fourth_cloud(tmp_path) -> None:
    with (
        pytest.raises(InvalidSeed, match=r"cloud: 'mars' is unknown; one of public, usgovernment, china"),
        in_process(tmp_path, {"cloud": "mars"}),
    ):
        pass
