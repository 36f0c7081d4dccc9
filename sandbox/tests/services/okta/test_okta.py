# SPDX-License-Identifier: Apache-2.0
"""Okta's custom authorization server: what it publishes, whom it believes, and what Entra makes of it."""

from __future__ import annotations

import stat
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.kernel.tokens import header_of, unverified_claims
from azure_sandbox.testing import Sandbox, in_process
from sandbox.tests.outside_seed import JWT_BEARER, exchange, number

ISSUER = "https://example.okta.com/oauth2/airflow"
ENDPOINT = f"{ISSUER}/v1/token"


def key(sandbox: Sandbox, client: str = "train") -> RSAKey:
    return RSAKey.import_key((sandbox.cloud.data / "okta" / f"{client}.pem").read_bytes())


def client_id(sandbox: Sandbox, client: str = "train") -> str:
    return sandbox.cloud.foreign.resolve(f"okta:example/{client}")


def assertion(sandbox: Sandbox, client: str = "train", signer: RSAKey | None = None, **changes: Any) -> str:
    now, identifier = int(time.time()), client_id(sandbox, client)
    claims = {
        "iss": identifier,
        "sub": identifier,
        "aud": ENDPOINT,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "RS256", "kid": key(sandbox, client).thumbprint()}
    return jwt.encode(header, claims, signer or key(sandbox, client))


def ask(sandbox: Sandbox, proof: str, url: str = ENDPOINT, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "scope": "azure.exchange",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": proof,
        **changes,
    }
    return sandbox.http.post(url, data={name: value for name, value in form.items() if value})


def test_the_issuer_publishes_itself_without_a_trailing_slash(outside: Sandbox) -> None:
    for name in ("openid-configuration", "oauth-authorization-server"):
        document = outside.http.get(f"{ISSUER}/.well-known/{name}").json()
        assert document["issuer"] == ISSUER
        assert document["token_endpoint"] == ENDPOINT
        assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]


def test_a_client_with_its_key_gets_a_token_that_the_published_keys_verify(outside: Sandbox) -> None:
    answer = ask(outside, assertion(outside)).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "azure.exchange")
    document = outside.http.get(f"{ISSUER}/.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(outside.http.get(document["jwks_uri"]).json())
    claims = jwt.decode(answer["access_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (ISSUER, "api://AzureADTokenExchange")
    assert claims["sub"] == claims["cid"] == client_id(outside)
    assert (claims["scp"], claims["exp"] - claims["iat"]) == (["azure.exchange"], 3600)
    assert header_of(answer["access_token"])["kid"]


def test_the_token_is_exchanged_where_an_application_trusts_the_issuer(outside: Sandbox) -> None:
    token = ask(outside, assertion(outside)).json()["access_token"]
    assert "access_token" in exchange(outside, "of-okta", token)
    assert number(exchange(outside, "of-aws", token)) == 700211
    assert number(exchange(outside, "of-okta-with-a-slash", token)) == 700211


def test_the_audience_and_the_lifetime_are_the_servers(outside: Sandbox) -> None:
    url = "https://example.okta.com/oauth2/brief/v1/token"
    answer = ask(outside, assertion(outside, "stranger", aud=url), url).json()
    claims = unverified_claims(answer["access_token"])
    assert (claims["aud"], answer["expires_in"], claims["exp"] - claims["iat"]) == (
        "api://elsewhere",
        300,
        300,
    )


def test_the_key_is_its_owners_alone(outside: Sandbox) -> None:
    assert stat.S_IMODE((outside.cloud.data / "okta" / "train.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"exp": 0}, "token is expired"),
        ({"exp": None}, "must have an expiration"),
        ({"exp": int(time.time()) + 86_400}, "more than one hour"),
        ({"aud": ISSUER}, "must be the endpoint invoked"),
        ({"aud": None}, "must be the endpoint invoked"),
        ({"iss": "someone"}, "issuer and subject must be the client id"),
        ({"sub": "someone"}, "Invalid value for 'client_id'"),
        ({"signer": RSAKey.generate_key(2048)}, "signature is invalid"),
    ],
)
def test_an_assertion_that_is_not_right_is_an_invalid_client(
    outside: Sandbox, changes: dict[str, Any], text: str
) -> None:
    answer = ask(outside, assertion(outside, **changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert text in answer.json()["error_description"]


def test_an_assertion_works_once(outside: Sandbox) -> None:
    proof = assertion(outside)
    assert ask(outside, proof).status_code == 200
    again = ask(outside, proof)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert "already been used" in again.json()["error_description"]


@pytest.mark.parametrize(
    "changes, status, error",
    [
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": "openid"}, 400, "invalid_scope"),
        ({"scope": "azure.exchange other"}, 400, "invalid_scope"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": ""}, 401, "invalid_client"),
        ({"client_assertion": "junk"}, 401, "invalid_client"),
        ({"client_id": "0oaSomebodyElse00000"}, 401, "invalid_client"),
        ({"client_assertion": "", "client_secret": "x"}, 401, "invalid_client"),
    ],
)
def test_a_bad_request_is_refused_as_okta_does(
    outside: Sandbox, changes: dict[str, str], status: int, error: str
) -> None:
    answer = ask(outside, assertion(outside), **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def test_a_client_that_the_policy_does_not_name_is_denied(outside: Sandbox) -> None:
    answer = ask(outside, assertion(outside, "stranger"))
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


def test_a_server_that_does_not_exist_is_not_found(outside: Sandbox) -> None:
    answer = outside.http.get("https://example.okta.com/oauth2/nothing/v1/keys")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "E0000007")


def test_another_organisation_is_a_foreign_host(outside: Sandbox) -> None:
    with pytest.raises(httpx.ProxyError, match="403"):
        outside.http.get("https://contoso.okta.com/oauth2/airflow/v1/keys")


@pytest.mark.parametrize(
    "entry, complaint",
    [
        ({"org": "a/b"}, "'a/b' is not of letters"),
        ({}, "org is missing"),
        ({"org": "x", "servers": []}, "unknown field 'servers'"),
        ({"org": "x", "authorization_servers": [{"id": "a"}]}, "scopes is missing"),
        ({"org": "x", "authorization_servers": [{"id": "a", "scopes": ["s"], "clients": ["c"]}]}, "'c'"),
        ({"org": "x", "clients": [{"name": "../key"}]}, "'../key' is not of letters"),
    ],
)
def test_a_bad_seed_names_the_member(tmp_path: Path, entry: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidSeed, match=complaint), in_process(tmp_path, {"okta": [entry]}):
        pass
