# SPDX-License-Identifier: Apache-2.0
"""The token endpoint: who gets a token, what is in it, and Entra's number for every refusal."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.kernel.identity import Identity
from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

LOGIN = "https://login.microsoftonline.com"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ARM = "https://management.azure.com/.default"


def identity(sandbox: Sandbox, name: str) -> Identity:
    found = sandbox.cloud.port(Registry).identity_by_name(name)
    assert found is not None
    return found


def secret_of_legacy(sandbox: Sandbox) -> str:
    url = "https://vault1.vault.azure.net/secrets/legacy-secret?api-version=7.4"
    answer = sandbox.http.get(url, headers=sandbox.bearer("admin", "https://vault.azure.net"))
    return str(answer.json()["value"])


def service_account(sandbox: Sandbox, name: str) -> str:
    return (sandbox.cloud.data / "serviceaccounts" / "airflow" / name / "token").read_text()


def login(
    sandbox: Sandbox, tenant: str | None = None, path: str = "oauth2/v2.0/token", **form: str
) -> httpx.Response:
    form = {"grant_type": "client_credentials", "scope": ARM, **form}
    return sandbox.http.post(
        f"{LOGIN}/{tenant or sandbox.cloud.tenant_id}/{path}", data={k: v for k, v in form.items() if v}
    )


def federate(sandbox: Sandbox, assertion: str, name: str = "train") -> httpx.Response:
    return login(
        sandbox,
        client_id=identity(sandbox, name).client_id,
        client_assertion=assertion,
        client_assertion_type=JWT_BEARER,
    )


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def number(answer: httpx.Response) -> int:
    return int(answer.json()["error_codes"][0])


def test_a_secret_buys_a_token_with_entras_claims(identities: Sandbox) -> None:
    legacy = identity(identities, "legacy")
    answer = login(identities, client_id=legacy.client_id, client_secret=secret_of_legacy(identities))
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    held = claims(answer.json()["access_token"])
    tenant = identities.cloud.tenant_id
    assert held["aud"] == "https://management.azure.com"
    assert held["iss"] == f"https://sts.windows.net/{tenant}/"
    assert (held["oid"], held["sub"], held["appid"]) == (
        legacy.principal_id,
        legacy.principal_id,
        legacy.client_id,
    )
    assert (held["tid"], held["idtyp"], held["ver"]) == (tenant, "app", "1.0")
    assert held["exp"] - held["iat"] == answer.json()["expires_in"] + 1 or held["exp"] - held["iat"] == 3600


def test_the_published_keys_verify_the_token(identities: Sandbox) -> None:
    tenant = identities.cloud.tenant_id
    document = identities.http.get(f"{LOGIN}/{tenant}/v2.0/.well-known/openid-configuration").json()
    assert document["issuer"] == f"{LOGIN}/{tenant}/v2.0"
    keys = KeySet.import_key_set(identities.http.get(document["jwks_uri"]).json())
    token = identities.token("train")
    assert jwt.decode(token, keys, algorithms=["RS256"]).claims["tid"] == tenant


def test_basic_authentication_carries_the_secret(identities: Sandbox) -> None:
    legacy = identity(identities, "legacy")
    answer = identities.http.post(
        f"{LOGIN}/{identities.cloud.tenant_id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": ARM},
        auth=(legacy.client_id, secret_of_legacy(identities)),
    )
    assert answer.status_code == 200


def test_the_version_1_endpoint_answers_in_strings_and_repeats_the_resource(identities: Sandbox) -> None:
    answer = login(
        identities,
        path="oauth2/token",
        client_id=identity(identities, "legacy").client_id,
        client_secret=secret_of_legacy(identities),
        resource="https://storage.azure.com/",
    ).json()
    assert answer["resource"] == "https://storage.azure.com/"
    assert int(answer["expires_on"]) > time.time()
    assert isinstance(answer["expires_in"], str)
    assert claims(answer["access_token"])["aud"] == "https://storage.azure.com/"


@pytest.mark.parametrize(
    "change, status, error, expected",
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"client_id": "2f7e0c43-0000-4000-8000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"client_id": "☃"}, 400, "unauthorized_client", 700016),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"scope": "https://management.azure.com/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"scope": f"{ARM} https://storage.azure.com/.default"}, 400, "invalid_scope", 70011),
        ({"scope": "https://unknown.example/.default"}, 400, "invalid_resource", 500011),
        ({"client_assertion": "junk", "client_assertion_type": JWT_BEARER}, 400, "invalid_request", 50027),
        (
            {"client_assertion": "e30.W10.eHh4", "client_assertion_type": JWT_BEARER},
            400,
            "invalid_request",
            50027,
        ),
        (
            {"client_assertion": "eyJhbGciOiJSUzI1NiJ9.e30.eHh4", "client_assertion_type": JWT_BEARER},
            401,
            "invalid_client",
            70025,
        ),
    ],
)
def test_a_bad_request_is_refused_with_entras_number(
    identities: Sandbox, change: dict[str, str], status: int, error: str, expected: int
) -> None:
    good = {
        "client_id": identity(identities, "legacy").client_id,
        "client_secret": secret_of_legacy(identities),
    }
    answer = login(identities, **{**good, **change})
    content = answer.json()
    assert (answer.status_code, content["error"], number(answer)) == (status, error, expected)
    assert content["error_description"].startswith(f"AADSTS{expected}: ")
    assert content["trace_id"] in content["error_description"]
    assert content["correlation_id"] in content["error_description"]


def test_an_unknown_tenant_is_not_found(identities: Sandbox) -> None:
    answer = login(identities, tenant="contoso.example", client_id="x", client_secret="y")
    assert (answer.status_code, number(answer)) == (400, 90002)


def test_client_credentials_need_a_tenant_of_their_own(identities: Sandbox) -> None:
    assert number(login(identities, tenant="common", client_id="x", client_secret="y")) == 50059


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"{}", b"&&&===", b"a=b&" * 500, b"grant_type=%ff%fe"]
)
@pytest.mark.parametrize("path", ["oauth2/v2.0/token", "oauth2/token"])
def test_junk_never_breaks_the_token_endpoint(identities: Sandbox, body: bytes, path: str) -> None:
    answer = identities.http.post(f"{LOGIN}/{identities.cloud.tenant_id}/{path}", content=body)
    assert answer.status_code == 400
    assert answer.json()["error_codes"]


@pytest.mark.parametrize(
    "method, path", [("GET", "oauth2/v2.0/token"), ("POST", "nothing"), ("GET", "%2e%2e/%00")]
)
def test_an_address_that_does_not_exist_is_a_404_in_entras_shape(
    identities: Sandbox, method: str, path: str
) -> None:
    answer = identities.http.request(method, f"{LOGIN}/{identities.cloud.tenant_id}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "ResourceNotFound"


def test_a_new_password_works_after_a_while_and_not_after_its_end(serve: Callable[..., Sandbox]) -> None:
    clock = ManualClock()
    sandbox = serve({"applications": [{"name": "app"}]}, clock)
    app = identity(sandbox, "app")
    now = clock.time()
    _, text = sandbox.cloud.port(Registry).add_password(app.client_id, None, now, now + 100)
    attempts = []
    for advance in (0.0, 3.0, 100.0):
        clock.advance(advance)
        answer = login(sandbox, client_id=app.client_id, client_secret=text)
        attempts.append(answer.status_code if answer.status_code == 200 else number(answer))
    assert attempts == [7000215, 200, 7000222]


def test_a_password_that_was_removed_no_longer_logs_in(identities: Sandbox) -> None:
    registry, app = identities.cloud.port(Registry), identity(identities, "nobody")
    password, text = registry.add_password(app.client_id, None, 0.0, time.time() + 60, at_once=True)
    assert login(identities, client_id=app.client_id, client_secret=text).status_code == 200
    assert registry.remove_password(app.client_id, password.key_id)
    assert number(login(identities, client_id=app.client_id, client_secret=text)) == 7000215


def test_the_text_of_a_secret_is_not_at_rest(identities: Sandbox) -> None:
    app = identity(identities, "nobody")
    _, text = identities.cloud.port(Registry).add_password(app.client_id, None, 0.0, 1.0)
    stored = b"".join(path.read_bytes() for path in identities.cloud.data.glob("state.sqlite3*"))
    assert app.client_id.encode() in stored
    assert text.encode() not in stored


def test_a_disabled_application_gets_nothing(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(
        {"applications": [{"name": "app"}, {"name": "admin", "app_roles": ["Application.ReadWrite.All"]}]}
    )
    app = identity(sandbox, "app")
    answer = sandbox.http.patch(
        f"https://graph.microsoft.com/v1.0/servicePrincipals/{app.principal_id}",
        json={"accountEnabled": False},
        headers=sandbox.bearer("admin", "https://graph.microsoft.com"),
    )
    assert answer.status_code == 204
    assert number(login(sandbox, client_id=app.client_id, client_secret="any")) == 7000112


def test_a_service_accounts_token_is_exchanged(identities: Sandbox) -> None:
    answer = federate(identities, service_account(identities, "train"))
    assert answer.status_code == 200
    assert claims(answer.json()["access_token"])["appid"] == identity(identities, "train").client_id


def test_a_managed_identitys_token_is_exchanged(identities: Sandbox) -> None:
    token = identities.token("mi-worker", "api://AzureADTokenExchange")
    held = claims(token)
    assert held["iss"] == f"{LOGIN}/{identities.cloud.tenant_id}/v2.0"
    assert held["aud"] == "api://AzureADTokenExchange"
    assert federate(identities, token).status_code == 200


def test_federation_is_refused_with_what_differs(identities: Sandbox) -> None:
    refused = {
        "issuer": federate(identities, service_account(identities, "elsewhere")),
        "subject": federate(identities, service_account(identities, "stranger")),
        "audience": federate(identities, service_account(identities, "train-aud")),
        "none": federate(identities, service_account(identities, "train"), "nobody"),
        "another identity": federate(identities, identities.token("mi-train", "api://AzureADTokenExchange")),
    }
    assert {name: number(answer) for name, answer in refused.items()} == {
        "issuer": 700211,
        "subject": 700213,
        "audience": 700212,
        "none": 70025,
        "another identity": 700213,
    }
    assert all(answer.status_code == 401 for answer in refused.values())
    subject = "system:serviceaccount:airflow:stranger"
    assert f"'{subject}'" in refused["subject"].json()["error_description"]


def test_a_subject_is_compared_with_case(serve: Callable[..., Sandbox]) -> None:
    credential = {"name": "k8s", "issuer": "aks", "subject": "system:serviceaccount:airflow:Train"}
    sandbox = serve(
        {
            "oidc_issuers": [{"name": "aks"}],
            "service_accounts": [{"issuer": "aks", "namespace": "airflow", "name": "train"}],
            "applications": [{"name": "train", "federated_credentials": [credential]}],
        }
    )
    assert number(federate(sandbox, service_account(sandbox, "train"))) == 7002138


def test_an_applications_own_token_cannot_be_exchanged(serve: Callable[..., Sandbox]) -> None:
    trust = {"name": "app", "issuer": "entra", "subject": stable_guid("service-principal", "source")}
    sandbox = serve(
        {"applications": [{"name": "source"}, {"name": "target", "federated_credentials": [trust]}]}
    )
    token = sandbox.token("source", "api://AzureADTokenExchange")
    assert number(federate(sandbox, token, "target")) == 700222


def test_a_forged_assertion_is_a_bad_signature(identities: Sandbox) -> None:
    header, body, signature = service_account(identities, "train").split(".")
    forged = f"{header}.{body}.{signature[:-8]}AAAAAAAA"
    assert number(federate(identities, forged)) == 50013
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert number(federate(identities, f"{unsigned}.{body}.")) == 5002738


def test_an_expired_assertion_is_out_of_its_time(serve: Callable[..., Sandbox]) -> None:
    clock = ManualClock()
    credential = {"name": "mi", "issuer": "entra", "subject": "identity:mi"}
    sandbox = serve(
        {
            "managed_identities": [{"name": "mi", "resource_group": "ml"}],
            "applications": [{"name": "app", "federated_credentials": [credential]}],
        },
        clock,
    )
    token = sandbox.token("mi", "api://AzureADTokenExchange")
    assert federate(sandbox, token, "app").status_code == 200
    clock.advance(86_401)
    assert number(federate(sandbox, token, "app")) == 700024


def test_instance_discovery_names_the_cloud(identities: Sandbox) -> None:
    url = f"{LOGIN}/common/discovery/instance"
    endpoint = f"{LOGIN}/{identities.cloud.tenant_id}/oauth2/v2.0/authorize"
    answer = identities.http.get(
        url, params={"api-version": "1.1", "authorization_endpoint": endpoint}
    ).json()
    assert answer["tenant_discovery_endpoint"].startswith(f"{LOGIN}/{identities.cloud.tenant_id}/v2.0/")
    assert identities.http.get(url).status_code == 400
