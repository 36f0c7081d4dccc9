# SPDX-License-Identifier: Apache-2.0
"""One test for each bug of other providers and of azure-identity's defaults (facts: identity.md 1.1 and 1.3).

Each name is our rule. Where the old behaviour is to be had here, the same test shows it first, by the class
that has it: a rule that nothing breaks is none.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.identity
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import aio

from airflow_provider_azureml.access.diagnose import diagnose
from airflow_provider_azureml.connection import CLOUDS, parse
from airflow_provider_azureml.errors import ConfigurationError, ServiceError, UnreachableError
from airflow_provider_azureml.hooks.azureml import AzureMLHook
from airflow_provider_azureml.hooks.keyvault import AzureKeyVaultHook
from airflow_provider_azureml.identity import (
    client_secret,
    default,
    managed_identity,
    resolver,
    source_kubernetes,
    workload_identity,
)
from airflow_provider_azureml.identity.authority import authority_options
from airflow_provider_azureml.identity.threaded import ThreadedCredential
from airflow_provider_azureml.rest.azure_error import sign_in_error
from tests.unit.identity.flows import APP, GUID, OTHER, federated, jwt, settings
from tests.unit.spec.definition import compiled
from tests.unit.test_connection import GOOD

Environment = Callable[..., None]
ARM = "https://management.azure.com/.default"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set AZURE_ variables of a worker, and no others."""

    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def pod(environment: Environment, tmp_path: Path) -> Path:
    """A pod that the workload identity webhook changed, but for the authority; the token file."""
    path = tmp_path / "token"
    path.write_text(jwt(exp=int(time.time()) + 3600))
    environment(AZURE_TENANT_ID=OTHER, AZURE_CLIENT_ID=OTHER, AZURE_FEDERATED_TOKEN_FILE=str(path))
    return path


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What azure-identity sends, address and form; nothing leaves, and nothing answers."""
    asked: list[tuple[str, dict[str, str]]] = []

    def send(transport: Any, request: Any, **options: Any) -> Any:
        asked.append((request.url, dict(request.content)))
        raise HttpResponseError("nobody answers")

    monkeypatch.setattr(RequestsTransport, "send", send)
    return asked


# --- 1.3, row by row ----------------------------------------------------------------------------


def test_each_field_counts_alone_whatever_the_environment_says(environment: Environment) -> None:
    """ms-azure `_get_default_azure_credential`: one of two ids alone was ignored, and the worker's used."""
    environment(AZURE_CLIENT_ID=OTHER)
    ambient = azure.identity.DefaultAzureCredential()
    chain = {type(each).__name__: each for each in ambient.credentials}
    old = chain["ManagedIdentityCredential"]
    assert old._credential._msal_client._managed_identity["Id"] == OTHER  # type: ignore[attr-defined]
    own = managed_identity.build(settings(auth="managed_identity", client_id=GUID), print)
    assert own._credential._msal_client._managed_identity["Id"] == GUID  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", ["tenant_id", "federated_source", "managed_identity_client_id", "verify"])
def test_a_field_that_is_not_used_is_an_error_and_chooses_nothing(field: str) -> None:
    """#59135: a tenant id alone forced a client secret; what was left over went to a storage client."""
    with pytest.raises(ConfigurationError, match=f"'{field}': is (not used|unknown)"):
        settings(auth="managed_identity", client_id=GUID, **{field: "x"})


def test_a_managed_identity_is_named_or_said_to_be_the_systems_own() -> None:
    """#23266: no client id on a host with several; azure-identity itself takes that for an answer."""
    azure.identity.ManagedIdentityCredential()
    with pytest.raises(ConfigurationError, match="'client_id': is missing"):
        settings(auth="managed_identity")


def test_a_host_with_several_identities_is_a_cause_with_a_mend() -> None:
    """#38762, #65588: a request without a client id; the text reached people as it was."""
    text = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity"
    finding = diagnose(text)
    assert finding is not None
    assert "client_id" in finding.mend


@pytest.mark.parametrize("name", GOOD)
def test_every_way_is_a_token_credential_and_no_adapter_of_old(pod: Path, name: str) -> None:
    """#39521: hooks returned an adapter without `get_token`."""
    extra, password = GOOD[name]
    built = resolver.credential(parse("c1", "azureml", None, password, None, extra))
    assert callable(built.get_token)
    assert not hasattr(built, "signed_session")


def test_the_launched_job_has_an_identity_of_its_own_and_no_secret_in_its_environment() -> None:
    """#58362: no way to give the workload an identity, so people put a service principal's secret there."""
    assert compiled(identity={"type": "managed", "client_id": GUID})["identity"]["clientId"] == GUID
    with pytest.raises(ConfigurationError, match="looks like a secret"):
        compiled(environment_variables={"AZURE_CLIENT_SECRET": "x"})


@pytest.mark.parametrize("cloud", CLOUDS)
async def test_a_trigger_signs_in_with_the_very_credential_of_the_worker(cloud: str) -> None:
    """#62772: the async path built a second credential, without key file and without the cloud."""
    own = settings("s", auth="client_secret", **APP, cloud=cloud)
    assert resolver.async_credential(own)._inner is resolver.credential(own)
    inner: Any = resolver.credential(own).inner
    assert inner._authority.endswith(CLOUDS[cloud].authority.removeprefix("https://"))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_entra_that_cannot_answer_now_has_refused_nobody(status: int) -> None:
    """#62772: a trigger made any exception, a passing 429 included, the end of the task."""
    answer: Any = SimpleNamespace(
        status_code=status, headers={"Retry-After": "7"}, reason="x", text=lambda: ""
    )
    refusal = ClientAuthenticationError("no token")
    refusal.__cause__ = HttpResponseError(response=answer)
    told = sign_in_error(refusal)
    assert isinstance(told, UnreachableError)
    assert told.retry_after == 7.0


@pytest.mark.parametrize("change", [{"client_id": OTHER}, {"cloud": "china"}, {"tenant_id": OTHER}, {}])
def test_credentials_are_kept_by_everything_that_makes_them(change: dict[str, str]) -> None:
    """#69128: kept by connection id alone, so that an edited connection stayed who it was."""
    extra = {"auth": "client_secret", **APP}
    first = parse("same", "azureml", None, "secret", None, extra)
    second = parse("same", "azureml", None, "secret" if change else "rotated", None, {**extra, **change})
    assert resolver.credential(first) is not resolver.credential(second)


def test_a_refused_credential_is_dropped_with_its_tokens() -> None:
    """#69365, #72688: an expired token was used until the next restart."""
    own = settings("s", auth="client_secret", **APP)
    first = resolver.credential(own)
    resolver.forget(own)
    assert resolver.credential(own) is not first


def test_every_secret_is_masked_before_it_is_used(tmp_path: Path) -> None:
    """#59688: a client secret stood in a log at level INFO."""
    masked: list[str] = []
    client_secret.build(settings("s3cret", auth="client_secret", **APP), masked.append)
    path = tmp_path / "t"
    path.write_text(jwt())
    source_kubernetes.assertion(federated("kubernetes", assertion_file=str(path)), masked.append)()
    assert masked == ["s3cret", jwt()]


def test_a_connection_without_a_secret_asks_no_key_vault() -> None:
    """#29486: a Key Vault was throttled, since every task read it. Ways without a secret cannot name one."""
    without = {"workload_identity", "federated", "managed_identity", "azure_cli", "default"}
    for name, (extra, password) in GOOD.items():
        if extra["auth"] in without and not password and "Okta" not in name:
            with pytest.raises(ConfigurationError, match="'credential_name': is not used"):
                parse("c1", "azureml", None, None, None, {**extra, "credential_name": "x"})


def test_the_latest_version_of_a_secret_is_never_switched_off() -> None:
    """Airflow takes a 403 of a disabled latest version for "not here", and asks the next backend."""

    class Vault(AzureKeyVaultHook):
        def _latest(self, name: str) -> str:
            return "v2"

    with pytest.raises(ServiceError, match="LatestVersion"):
        Vault("none", vault_url="https://v.vault.azure.net").disable_version("n", "v2")


def test_a_hook_can_be_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """airflow-provider-azure-machinelearning: the second call raised AttributeError, for a typing slip."""
    extra = f'{{"auth": "managed_identity", "client_id": "{GUID}"}}'
    monkeypatch.setenv("AIRFLOW_CONN_TWICE", f'{{"conn_type": "azureml", "extra": {extra}}}')
    hook = AzureMLHook("twice")
    assert hook.credential is hook.credential
    assert hook.get_conn() is hook.get_conn()


def test_workload_identity_needs_no_authority_in_the_environment(pod: Path, wire: Any) -> None:
    """azure-identity#35657: without AZURE_AUTHORITY_HOST the pod's identity is skipped, without a word."""
    skipped: Any = azure.identity.ManagedIdentityCredential(client_id=GUID)
    assert type(skipped._credential).__name__ == "ImdsCredential"
    own = settings(auth="workload_identity", **APP)
    with pytest.raises(HttpResponseError, match="nobody answers"):
        workload_identity.build(own, lambda token: None).get_token(ARM)
    assert wire[0][0].startswith("https://login.microsoftonline.com/")
    assert wire[0][1]["client_assertion"] == pod.read_text()


# --- 1.1 ----------------------------------------------------------------------------------------


async def test_a_slow_source_never_stalls_the_event_loop() -> None:
    """The async twin calls an assertion function in the loop, and does not await one that is async."""

    async def assertion() -> str:
        return "awaited"

    given: list[Any] = []
    async with aio.ClientAssertionCredential(
        GUID, GUID, lambda: given.append(assertion()) or given[-1]
    ) as old:
        with pytest.raises(TypeError, match="client_assertion"):
            await old.get_token(ARM)
    assert inspect.getcoroutinestate(given[0]) == inspect.CORO_CREATED
    given[0].close()

    class Slow:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            time.sleep(0.3)
            return AccessToken("t", 9_999_999_999)

    ticks, ours = 0, asyncio.create_task(ThreadedCredential(Slow()).get_token(ARM))
    while not ours.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks >= 10


def test_another_clouds_pod_never_shows_its_token_to_the_public_cloud(pod: Path) -> None:
    """DefaultAzureCredential forgets its authority on the way to workload identity."""
    government = CLOUDS["usgovernment"].authority
    forgetful: Any = azure.identity.DefaultAzureCredential(authority=government)
    old = next(each for each in forgetful.credentials if "Workload" in type(each).__name__)
    assert old._client._authority == CLOUDS["public"].authority
    chain: Any = default.build(settings(auth="default", cloud="usgovernment"), print)
    assert not any("Workload" in type(each).__name__ for each in chain.credentials)
    own: Any = workload_identity.build(settings(auth="workload_identity", **APP, cloud="usgovernment"), print)
    assert own._client._authority == government


def test_false_is_false(environment: Environment, tmp_path: Path) -> None:
    """EnvironmentCredential takes the text "false" for true: `bool("false")`."""
    from tests.unit.identity.test_certificate import make, pem

    path = tmp_path / "c.pem"
    path.write_bytes(pem(make()))
    environment(AZURE_TENANT_ID=GUID, AZURE_CLIENT_ID=GUID, AZURE_CLIENT_CERTIFICATE_PATH=str(path))
    environment(AZURE_CLIENT_SEND_CERTIFICATE_CHAIN="false")
    old: Any = azure.identity.EnvironmentCredential()
    assert "public_certificate" in old._credential._client_credential
    way = {"auth": "certificate", **APP, "certificate_file": str(path)}
    assert settings(**way, send_certificate_chain="false").send_certificate_chain is False


def test_a_stray_secret_in_the_environment_changes_nobody(environment: Environment) -> None:
    """In DefaultAzureCredential it comes before workload identity and managed identity."""
    environment(AZURE_TENANT_ID=OTHER, AZURE_CLIENT_ID=OTHER, AZURE_CLIENT_SECRET="stray")
    old: Any = azure.identity.DefaultAzureCredential()
    assert type(old.credentials[0]._credential).__name__ == "ClientSecretCredential"
    own: Any = managed_identity.build(settings(auth="managed_identity", client_id=GUID), print)
    assert own._credential._msal_client._managed_identity["Id"] == GUID


def test_a_token_file_is_read_for_every_assertion_and_stripped(pod: Path) -> None:
    """WorkloadIdentityCredential keeps it for ten minutes, with its newline, and sends it expired."""
    old: Any = azure.identity.WorkloadIdentityCredential(
        tenant_id=GUID, client_id=GUID, token_file_path=str(pod)
    )
    first, second = (jwt(exp=int(time.time()) + left) + "\n" for left in (1800, 3600))
    own = settings(auth="workload_identity", **APP)
    ours: list[str] = []
    for token in (first, second):
        pod.write_text(token)
        stale = old._get_service_account_token()
        ours.append(source_kubernetes.read(own, str(pod), lambda token: None))
    assert stale == first
    assert ours == [first.strip(), second.strip()]


def test_a_retry_after_never_puts_a_sign_in_to_sleep() -> None:
    """azure-identity would sleep as long as it says, where nothing can wake it."""
    pipeline: Any = azure.identity.ClientSecretCredential(GUID, GUID, "s")
    assert retries(pipeline) > 0
    own: Any = azure.identity.ClientSecretCredential(GUID, GUID, "s", **authority_options(CLOUDS["public"]))
    assert retries(own) == 0


def retries(credential: Any) -> int:
    """How often its pipeline would ask again."""
    policies = credential._client._pipeline._impl_policies
    found = [each._policy if hasattr(each, "_policy") else each for each in policies]
    return next(each.total_retries for each in found if hasattr(each, "total_retries"))


# --- 1.2: precedents not followed ----------------------------------------------------------------


@pytest.mark.parametrize("field", ["federated_token_provider", "assertion_function"])
def test_a_connection_cannot_name_code_to_run(field: str) -> None:
    """Databricks: a dotted path in a connection is code execution for whoever edits connections."""
    with pytest.raises(ConfigurationError, match=f"'{field}': is unknown"):
        federated("gcp_metadata", **{field: "os.system"})


def test_the_service_account_is_the_pods_own(pod: Path) -> None:
    """Databricks asks for a token of `serviceaccounts/default`, whoever the pod is: a wrong subject."""
    subject = "system:serviceaccount:airflow:train"
    pod.write_text(jwt(sub=subject))
    read = source_kubernetes.read(settings(auth="workload_identity", **APP), str(pod), lambda token: None)
    assert read == jwt(sub=subject)
