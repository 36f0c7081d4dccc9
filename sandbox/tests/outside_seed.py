# SPDX-License-Identifier: Apache-2.0
"""The seed of the tests of issuers outside of Azure: Okta, AWS, Google, and applications that trust them."""

from __future__ import annotations

from typing import Any

from azure_sandbox.kernel.ports import Registry
from azure_sandbox.testing import Sandbox

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/airflow-train"
LOGIN = "https://login.microsoftonline.com"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
COGNITO = "https://cognito-identity.amazonaws.com"
GOOGLE = "https://accounts.google.com"


def _trust(name: str, issuer: str, subject: str, **more: str) -> dict[str, Any]:
    return {
        "name": name,
        "federated_credentials": [{"name": "f", "issuer": issuer, "subject": subject, **more}],
    }


OUTSIDE_SEED: dict[str, Any] = {
    "okta": [
        {
            "org": "example",
            "clients": [{"name": "train"}, {"name": "stranger"}],
            "authorization_servers": [
                {"id": "airflow", "scopes": ["azure.exchange"], "clients": ["train"]},
                {"id": "brief", "scopes": ["azure.exchange"], "lifetime": 300, "audience": "api://elsewhere"},
            ],
        }
    ],
    "oidc_issuers": [{"name": "aks"}],
    "service_accounts": [
        {"issuer": "aks", "namespace": "airflow", "name": "aws", "audience": "sts.amazonaws.com"},
        {"issuer": "aks", "namespace": "airflow", "name": "other", "audience": "sts.amazonaws.com"},
        {"issuer": "aks", "namespace": "airflow", "name": "azure"},
    ],
    "aws": [
        {
            "id": ACCOUNT,
            "name": "data",
            "regions": ["us-east-1", "eu-central-1"],
            "users": [{"name": "airflow"}],
            "roles": [
                {"name": "airflow-train", "trusts": ["airflow"]},
                {
                    "name": "narrow",
                    "trusts": ["airflow"],
                    "token_audiences": ["api://AzureADTokenExchange"],
                    "longest_token": 300,
                },
                {"name": "nobody"},
            ],
            "identity_pools": [{"name": "airflow", "developer_provider": "login.airflow"}],
        },
        {"id": "210987654321", "outbound_federation": False, "users": [{"name": "elsewhere"}]},
    ],
    "gcp": [{"name": "composer", "project": "nightly"}, {"name": "second-one", "project": "nightly"}],
    "applications": [
        _trust("of-okta", "okta:example/airflow", "okta:example/train"),
        _trust("of-aws", "aws:data", "aws:data/airflow-train"),
        _trust("of-cognito", COGNITO, "cognito:data/airflow/train", audience="cognito:data/airflow"),
        _trust("of-google", GOOGLE, "gcp:composer"),
        _trust("of-okta-with-a-slash", "https://example.okta.com/oauth2/airflow/", "okta:example/train"),
    ],
}


def exchange(sandbox: Sandbox, application: str, assertion: str) -> dict[str, Any]:
    """Entra's answer to an assertion: a token, or the error."""
    identity = sandbox.cloud.port(Registry).identity_by_name(application)
    assert identity is not None
    form = {
        "grant_type": "client_credentials",
        "scope": "https://management.azure.com/.default",
        "client_id": identity.client_id,
        "client_assertion": assertion,
        "client_assertion_type": JWT_BEARER,
    }
    url = f"{LOGIN}/{sandbox.cloud.tenant_id}/oauth2/v2.0/token"
    return dict(sandbox.http.post(url, data=form).json())


def number(answer: dict[str, Any]) -> int:
    """The AADSTS number of a refusal, or 0."""
    return int(answer.get("error_codes", [0])[0])
