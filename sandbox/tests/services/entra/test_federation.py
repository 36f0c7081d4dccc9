# SPDX-License-Identifier: Apache-2.0
"""Assertions are judged by what their issuer publishes at the moment, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from azure_sandbox.kernel.ports import Registry
from azure_sandbox.kernel.tokens import header_of, unverified_claims
from azure_sandbox.testing import InProcess, in_process

SEED: dict[str, Any] = {
    "oidc_issuers": [{"name": "aks"}],
    "service_accounts": [{"issuer": "aks", "namespace": "airflow", "name": "train"}],
    "applications": [
        {
            "name": "train",
            "federated_credentials": [
                {"name": "k8s", "issuer": "aks", "subject": "system:serviceaccount:airflow:train"}
            ],
        }
    ],
}
STRANGER = RSAKey.generate_key(2048)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path, SEED) as running:
        yield running


def assertion(sandbox: InProcess) -> str:
    return (sandbox.cloud.data / "serviceaccounts" / "airflow" / "train" / "token").read_text()


def exchange(sandbox: InProcess, token: str = "") -> int:
    """0 where Entra gives a token, else the AADSTS number."""
    train = sandbox.cloud.port(Registry).identity_by_name("train")
    assert train is not None
    form = {
        "grant_type": "client_credentials",
        "scope": "https://management.azure.com/.default",
        "client_id": train.client_id,
        "client_assertion": token or assertion(sandbox),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    answer = sandbox.request(
        "POST",
        f"https://login.microsoftonline.com/{sandbox.cloud.tenant_id}/oauth2/v2.0/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
        urlencode(form).encode(),
    )
    return int(json.loads(answer.body).get("error_codes", [0])[0])


def publishes(sandbox: InProcess, path: str, body: Any, status: int = 200) -> None:
    """From now on the cluster's issuer answers this."""
    host = urlsplit(unverified_claims(assertion(sandbox))["iss"]).hostname
    rule = {"match": {"host": host, "path": path, "count": None}, "phase": "before"}
    sandbox.fault({**rule, "action": {"status": status, "body": body}})


def own_keys(sandbox: InProcess) -> list[dict[str, Any]]:
    issuer = unverified_claims(assertion(sandbox))["iss"]
    return list(json.loads(sandbox.request("GET", f"{issuer}openid/v1/jwks").body)["keys"])


def other_keys(count: int) -> list[dict[str, Any]]:
    public = STRANGER.as_dict(private=False)
    return [{**public, "kid": f"other-{number}"} for number in range(count)]


def test_the_document_and_the_keys_are_fetched(sandbox: InProcess) -> None:
    assert exchange(sandbox) == 0
    rule = sandbox.fault(
        {
            "match": {"host": "*.oic.prod-aks.azure.com", "count": None},
            "phase": "after",
            "action": {"status": 500, "body": {}},
        }
    )
    assert exchange(sandbox) == 50166
    assert rule.seen == 1, "the document is asked for first, and without it nothing else"


@pytest.mark.parametrize(
    "action",
    [
        {"dns_fail": True},
        {"reset": True},
        {"stall_seconds": 5},
        {"status": 503, "body": {}},
        {"status": 200, "body": "no json"},
        {"status": 200, "body": ["no object"]},
        {"status": 200, "body": {"issuer": "https://eastus.oic.prod-aks.azure.com/another/"}},
    ],
)
def test_an_issuer_that_does_not_answer_well_is_unreachable(
    sandbox: InProcess, action: dict[str, Any]
) -> None:
    match = {"host": "eastus.oic.prod-aks.azure.com", "count": None}
    sandbox.fault({"match": match, "phase": "before", "action": action})
    assert exchange(sandbox) == 50166
    sandbox.heal()
    assert exchange(sandbox) == 0


def test_a_rule_without_a_host_means_a_clients_request(sandbox: InProcess) -> None:
    rule = sandbox.fault(
        {"match": {"method": "GET", "count": None}, "phase": "before", "action": {"status": 500}}
    )
    assert exchange(sandbox) == 0
    assert rule.seen == 0


def test_a_document_that_names_its_issuer_without_the_slash_is_another_issuers(sandbox: InProcess) -> None:
    issuer = unverified_claims(assertion(sandbox))["iss"]
    publishes(
        sandbox, "openid-configuration", {"issuer": issuer.rstrip("/"), "jwks_uri": f"{issuer}openid/v1/jwks"}
    )
    assert exchange(sandbox) == 50166


def test_only_the_first_hundred_keys_are_looked_at(sandbox: InProcess) -> None:
    keys = own_keys(sandbox)
    publishes(sandbox, "openid/v1/jwks", {"keys": [*other_keys(99), *keys]})
    assert exchange(sandbox) == 0
    sandbox.heal()
    publishes(sandbox, "openid/v1/jwks", {"keys": [*other_keys(100), *keys]})
    assert exchange(sandbox) == 7000272


@pytest.mark.parametrize("body", [{"keys": []}, {}, {"keys": "none"}, {"keys": [1, {}, {"kid": None}]}])
def test_keys_that_are_gone_or_no_keys_verify_nothing(sandbox: InProcess, body: dict[str, Any]) -> None:
    publishes(sandbox, "openid/v1/jwks", body)
    assert exchange(sandbox) in (7000272, 50166)


def test_a_key_of_the_same_name_that_did_not_sign_is_a_bad_signature(sandbox: InProcess) -> None:
    kid = header_of(assertion(sandbox))["kid"]
    for key in ({**other_keys(1)[0], "kid": kid}, {"kty": "oct", "k": "AAAA", "kid": kid}, {"kid": kid}):
        sandbox.heal()
        publishes(sandbox, "openid/v1/jwks", {"keys": [key]})
        assert exchange(sandbox) == 50013
