# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.aws import Keys
from airflow_provider_azureml.identity.source_cognito import exchange
from tests.unit.identity.flows import GUID, drive, federated, jwt, said

POOL = f"eu-west-1:{GUID}"
OWN = federated(
    "cognito",
    aws_region="eu-west-1",
    cognito_pool_id=POOL,
    cognito_provider="airflow",
    cognito_login="train",
)
KEYS = Keys("AKIAEXAMPLE", "secret")


def test_the_pool_is_asked_for_the_developer_identity() -> None:
    masked: list[str] = []
    good = jwt("RS512", aud=POOL)
    token, asked = drive(exchange(OWN, KEYS, masked.append), said(200, {"IdentityId": "x", "Token": good}))
    assert asked[0].url == "https://cognito-identity.eu-west-1.amazonaws.com/"
    target = "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity"
    assert asked[0].headers["X-Amz-Target"] == target
    assert "/eu-west-1/cognito-identity/aws4_request" in asked[0].headers["Authorization"]
    assert json.loads(asked[0].content or b"") == {
        "IdentityPoolId": POOL,
        "Logins": {"airflow": "train"},
        "TokenDuration": 300,
    }
    assert masked == [token] == [good]


def test_a_token_of_another_pool_is_refused() -> None:
    with pytest.raises(DeniedError, match="for another audience"):
        drive(exchange(OWN, KEYS, print), said(200, {"Token": jwt(aud="eu-west-1:other")}))


def test_a_refusal_is_cognitos_own_words() -> None:
    answer = said(400, {"__type": "NotAuthorizedException", "message": "no such provider"})
    with pytest.raises(DeniedError, match="no such provider") as caught:
        drive(exchange(OWN, KEYS, print), answer)
    assert caught.value.code == "NotAuthorizedException"


def test_an_answer_without_a_token_is_no_assertion() -> None:
    with pytest.raises(DeniedError, match="something else"):
        drive(exchange(OWN, KEYS, print), said(200, {}))
