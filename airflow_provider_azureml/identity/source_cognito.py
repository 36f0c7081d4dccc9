# SPDX-License-Identifier: Apache-2.0
"""An identity pool of Amazon Cognito vouches, for accounts that may not use STS as an issuer.

The federated credential's issuer is `https://cognito-identity.amazonaws.com`, its subject the identity's
id in the pool, and its audience the pool's id (identity.md 1.2.3): none of the cloud's own.
"""

from __future__ import annotations

import json

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.identity import aws
from airflow_provider_azureml.identity.assertion import Fetch, Kept, Mask, usable
from airflow_provider_azureml.identity.source_http import fetched, unreadable
from airflow_provider_azureml.rest.flow import Flow

_TARGET = "AWSCognitoIdentityService.GetOpenIdTokenForDeveloperIdentity"
_LIFETIME = 300


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that gives the pool's token, kept until a minute before its end."""
    keys = aws.own_keys(settings, mask)
    return Kept(lambda: fetched(settings, exchange(settings, keys(), mask)))


def exchange(settings: Settings, own: aws.Keys, mask: Mask) -> Flow[str]:
    """AWS's own credentials for a token of the pool."""
    keys = yield from aws.assumed(settings, own, mask)
    asked = {
        "IdentityPoolId": settings.cognito_pool_id,
        "Logins": {settings.cognito_provider: settings.cognito_login},
        "TokenDuration": _LIFETIME,
    }
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": _TARGET}
    url, body = aws.cognito_url(settings.aws_region), json.dumps(asked).encode()
    answer = yield from aws.call(settings, keys, "cognito-identity", url, body, headers)
    said, source = answer.json(), f"Cognito pool {settings.cognito_pool_id}"
    token = said.get("Token") if isinstance(said, dict) else None
    if not isinstance(token, str):
        raise unreadable(settings, source, answer.operation)
    mask(token)
    return usable(token, source, settings.cognito_pool_id)[0]
