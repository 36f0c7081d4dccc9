# SPDX-License-Identifier: Apache-2.0
"""AWS vouches for a role: STS is an issuer of OpenID Connect since November 2025 (`GetWebIdentityToken`).

The federated credential's issuer is the account's own (`aws iam get-outbound-web-identity-federation-info`)
and its subject the role's ARN. The account must have switched the feature on.
"""

from __future__ import annotations

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity import aws
from airflow_provider_azureml.identity.assertion import Fetch, Kept, Mask, usable
from airflow_provider_azureml.identity.source_http import fetched, unreadable
from airflow_provider_azureml.rest.flow import Flow

_MENDS = {
    "OutboundWebIdentityFederationDisabled": "Switch it on: aws iam enable-outbound-web-identity-federation",
    "AccessDenied": "Allow sts:GetWebIdentityToken (with aws_tags, sts:TagGetWebIdentityToken too; "
    "with aws_role_arn, sts:AssumeRole on that role, which must trust this one).",
    "ExpiredToken": "The process's own AWS credentials are too old: aws sts get-caller-identity",
}
"""By the beginning of AWS's code."""


def assertion(settings: Settings, mask: Mask) -> Fetch:
    """Return a function that gives STS's token, kept until a minute before its end."""
    keys = aws.own_keys(settings, mask)
    return Kept(lambda: fetched(settings, exchange(settings, keys(), mask)))


def exchange(settings: Settings, own: aws.Keys, mask: Mask) -> Flow[str]:
    """AWS's own credentials for a token about them, or about the role that they may assume."""
    audience = settings.assertion_audience or settings.cloud.assertion_audience
    try:
        keys = yield from aws.assumed(settings, own, mask)
        answer = yield from aws.sts(settings, keys, _parameters(settings, audience))
    except DeniedError as error:
        mend = next((text for code, text in _MENDS.items() if error.code.startswith(code)), "")
        if not mend:
            raise
        message = f"{error.message} {mend}"
        raise DeniedError(401, error.code, message, error.request_id, error.operation) from error
    source = f"AWS STS in {settings.aws_region}"
    token = aws.text_of(answer, "WebIdentityToken")
    if not token:
        raise unreadable(settings, source, answer.operation)
    mask(token)
    return usable(token, source, audience)[0]


def _parameters(settings: Settings, audience: str) -> dict[str, str]:
    parameters = {
        "Action": "GetWebIdentityToken",
        "Audience.member.1": audience,
        "SigningAlgorithm": "RS256",
        "DurationSeconds": "300",
    }
    tags = aws.task() if settings.aws_tags else {}
    for number, (key, value) in enumerate(tags.items(), 1):
        parameters[f"Tags.member.{number}.Key"] = key
        parameters[f"Tags.member.{number}.Value"] = value[:256]
    return parameters
