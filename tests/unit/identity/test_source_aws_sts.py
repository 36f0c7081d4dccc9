# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.aws import Keys
from airflow_provider_azureml.identity.source_aws_sts import exchange
from airflow_provider_azureml.rest.flow import Request
from tests.unit.identity.flows import drive, federated, jwt, said
from tests.unit.identity.test_aws import ASSUMED, ROLE

KEYS = Keys("AKIAEXAMPLE", "secret")


def token_answer(token: str) -> bytes:
    return (
        '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken></GetWebIdentityTokenResult>"
        "</GetWebIdentityTokenResponse>"
    ).encode()


def error(code: str) -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>as told</Message></Error></ErrorResponse>".encode()


def form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((request.content or b"").decode()).items()}


def test_sts_is_asked_for_a_short_rs256_token_for_entra() -> None:
    masked: list[str] = []
    own = federated("aws_sts", aws_region="eu-west-1")
    token, asked = drive(exchange(own, KEYS, masked.append), said(200, token_answer(jwt())))
    assert form(asked[0]) == {
        "Action": "GetWebIdentityToken",
        "Version": "2011-06-15",
        "Audience.member.1": "api://AzureADTokenExchange",
        "SigningAlgorithm": "RS256",
        "DurationSeconds": "300",
    }
    assert masked == [token] == [jwt()]


def test_a_role_is_assumed_first_and_signs_the_second_request() -> None:
    own = federated("aws_sts", aws_region="eu-west-1", aws_role_arn=ROLE)
    _, asked = drive(exchange(own, KEYS, print), said(200, ASSUMED), said(200, token_answer(jwt())))
    assert [form(each)["Action"] for each in asked] == ["AssumeRole", "GetWebIdentityToken"]
    assert asked[1].headers["X-Amz-Security-Token"] == "role-session"
    assert "Credential=ASIA1/" in asked[1].headers["Authorization"]


@pytest.mark.parametrize("wanted", [True, False])
def test_tags_name_the_task_when_the_connection_wants_them(
    monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "nightly")
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "train")
    own = federated("aws_sts", aws_region="eu-west-1", aws_tags=wanted)
    _, asked = drive(exchange(own, KEYS, print), said(200, token_answer(jwt())))
    tags = {name: value for name, value in form(asked[0]).items() if name.startswith("Tags")}
    told = {
        "Tags.member.1.Key": "dag_id",
        "Tags.member.1.Value": "nightly",
        "Tags.member.2.Key": "task_id",
        "Tags.member.2.Value": "train",
    }
    assert tags == (told if wanted else {})


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("OutboundWebIdentityFederationDisabledException", "aws iam enable-outbound-web-identity-federation"),
        ("AccessDenied", "sts:TagGetWebIdentityToken"),
        ("ExpiredToken", "aws sts get-caller-identity"),
    ],
)
def test_a_known_refusal_comes_with_its_mend(code: str, mend: str) -> None:
    own = federated("aws_sts", aws_region="eu-west-1")
    with pytest.raises(DeniedError, match=f"as told .*{mend}") as caught:
        drive(exchange(own, KEYS, print), said(403, error(code)))
    assert caught.value.code == code


def test_any_other_refusal_is_awss_own_words() -> None:
    with pytest.raises(DeniedError, match="as told"):
        drive(exchange(federated("aws_sts", aws_region="eu-west-1"), KEYS, print), said(403, error("Odd")))


def test_an_answer_without_a_token_is_no_assertion() -> None:
    with pytest.raises(DeniedError, match="something else"):
        drive(exchange(federated("aws_sts", aws_region="eu-west-1"), KEYS, print), said(200, b"<a/>"))
