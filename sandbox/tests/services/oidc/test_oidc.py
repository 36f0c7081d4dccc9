# SPDX-License-Identifier: Apache-2.0
"""Cluster issuers and projected tokens, as Kubernetes has them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from azure_sandbox.app import create_cloud
from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.kernel.tokens import signed_claims, unverified_claims
from azure_sandbox.services import oidc
from azure_sandbox.services.oidc.service import ClusterIssuers, TokenProjector
from azure_sandbox.testing import Sandbox, in_process

SEED = {
    "oidc_issuers": [{"name": "aks"}],
    "service_accounts": [{"issuer": "aks", "namespace": "airflow", "name": "train"}],
}


def test_the_token_file_holds_what_kubernetes_projects(identities: Sandbox) -> None:
    path = identities.cloud.data / "serviceaccounts" / "airflow" / "train" / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    claims = unverified_claims(path.read_text())
    assert claims["sub"] == "system:serviceaccount:airflow:train"
    assert claims["aud"] == ["api://AzureADTokenExchange"]
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "train"
    assert claims["jti"]


def test_discovery_leads_to_the_keys_that_verify_the_token(identities: Sandbox) -> None:
    path = identities.cloud.data / "serviceaccounts" / "airflow" / "train" / "token"
    issuer = unverified_claims(path.read_text())["iss"]
    assert issuer.startswith(f"https://eastus.oic.prod-aks.azure.com/{identities.cloud.tenant_id}/")
    document = identities.http.get(f"{issuer}.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    keys = KeySet.import_key_set(identities.http.get(document["jwks_uri"]).json())
    assert jwt.decode(path.read_text(), keys, algorithms=["RS256"]).claims["iss"] == issuer


def test_an_unknown_cluster_publishes_nothing(identities: Sandbox) -> None:
    url = "https://eastus.oic.prod-aks.azure.com/a/b/.well-known/openid-configuration"
    assert identities.http.get(url).status_code == 404


def test_a_token_is_replaced_when_four_fifths_of_its_life_are_over(tmp_path: Path) -> None:
    clock = ManualClock()
    cloud = create_cloud(tmp_path, {}, clock)
    projector = TokenProjector(cloud, ClusterIssuers(cloud))
    projector.seed(SEED)
    path = tmp_path / "serviceaccounts" / "airflow" / "train" / "token"
    first = path.read_text()
    clock.advance(2879)
    projector.refresh()
    assert path.read_text() == first
    clock.advance(1)
    projector.refresh()
    assert unverified_claims(path.read_text())["exp"] == clock.time() + 3600


def test_an_issuer_keeps_its_key_over_a_restart(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        with in_process(tmp_path, SEED) as sandbox:
            tokens.append((tmp_path / "serviceaccounts" / "airflow" / "train" / "token").read_text())
            issuer = unverified_claims(tokens[0])["iss"]
            keys = json.loads(sandbox.request("GET", f"{issuer}openid/v1/jwks").body)["keys"]
            assert all(signed_claims(token, keys[0])["iss"] == issuer for token in tokens)


@pytest.mark.parametrize(
    "account, complaint",
    [
        ({"issuer": "nowhere", "namespace": "a", "name": "b"}, "not in oidc_issuers"),
        ({"issuer": "aks", "namespace": "../..", "name": "b"}, "no name for Kubernetes"),
        ({"issuer": "aks", "namespace": "a", "name": "B"}, "no name for Kubernetes"),
    ],
)
def test_a_bad_service_account_is_named(tmp_path: Path, account: dict[str, str], complaint: str) -> None:
    cloud = create_cloud(tmp_path, {})
    with pytest.raises(InvalidSeed, match=complaint):
        oidc.service(cloud).seed({"oidc_issuers": [{"name": "aks"}], "service_accounts": [account]})
