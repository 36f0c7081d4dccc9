# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import logging
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.identity import aws
from airflow_provider_azureml.identity.aws import Keys
from airflow_provider_azureml.rest.flow import Response
from tests.unit.identity.flows import drive, federated, said

ROLE = "arn:aws:iam::123456789012:role/train"
OWN = federated("aws_sts", aws_region="eu-west-1")
KEYS = Keys("AKIAEXAMPLE", "wJalr/secret", "")
ASSUMED = (
    b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    b"<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
    b"<SessionToken>role-session</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)


@pytest.mark.parametrize("session", ["", "session/with+signs=="])
@pytest.mark.parametrize(
    ("service", "url", "headers"),
    [
        (
            "sts",
            "https://sts.eu-west-1.amazonaws.com/",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        (
            "cognito-identity",
            "https://cognito-identity.eu-west-1.amazonaws.com/",
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "A.B"},
        ),
    ],
)
def test_a_signature_is_the_one_that_botocore_makes(
    service: str, url: str, headers: dict[str, str], session: str
) -> None:
    request = AWSRequest("POST", url, dict(headers), b"Action=X&Y=%20z")
    SigV4Auth(Credentials("AKIAEXAMPLE", "wJalr/secret", session or None), service, "eu-west-1").add_auth(
        request
    )
    now = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    keys = Keys("AKIAEXAMPLE", "wJalr/secret", session)
    ours = aws.signed(keys, "eu-west-1", service, url, b"Action=X&Y=%20z", headers, now)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours.get("X-Amz-Security-Token", "") == session


def test_the_regions_own_endpoint_is_asked_and_china_has_a_domain_of_its_own() -> None:
    for region, host in (
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ):
        own = federated("aws_sts", aws_region=region)
        _, asked = drive(aws.sts(own, KEYS, {"Action": "X"}), said(200, b"<a/>"))
        assert asked[0].url == f"https://{host}/"
    assert aws.cognito_url("cn-north-1") == "https://cognito-identity.cn-north-1.amazonaws.com.cn/"


def test_without_a_role_nothing_is_assumed() -> None:
    assert drive(aws.assumed(OWN, KEYS, print)) == (KEYS, [])


def test_a_role_is_assumed_in_the_name_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "nightly")
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "group.train ü")
    masked: list[str] = []
    own = federated("aws_sts", aws_region="eu-west-1", aws_role_arn=ROLE)
    keys, asked = drive(aws.assumed(own, KEYS, masked.append), said(200, ASSUMED))
    form = parse_qs((asked[0].content or b"").decode())
    assert (form["RoleArn"], form["RoleSessionName"]) == ([ROLE], ["airflow-nightly-group.train__"])
    assert keys == Keys("ASIA1", "role-secret", "role-session")
    assert masked == ["role-secret", "role-session"]


def test_an_answer_without_keys_is_no_role() -> None:
    own = federated("aws_sts", aws_region="eu-west-1", aws_role_arn=ROLE)
    with pytest.raises(DeniedError, match="something else"):
        drive(aws.assumed(own, KEYS, print), said(200, b"<a/>"))
    with pytest.raises(DeniedError, match="something else"):
        drive(aws.assumed(own, KEYS, print), said(200, b"no xml"))


def test_keys_do_not_show() -> None:
    assert repr(Keys("AKIA", "secret", "session")) == "Keys()"
    assert "AKIA" not in repr(drive(aws.sts(OWN, KEYS, {"Action": "X"}), Response(200, {}, b"<a/>"))[1])


def test_the_process_own_keys_are_found_by_botocore_and_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "own-session")
    masked: list[str] = []
    assert aws.own_keys(OWN, masked.append)() == Keys("AKIA2", "own-secret", "own-session")
    assert masked == ["own-secret", "own-session"]
    assert logging.getLogger("botocore.auth").level == logging.WARNING


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("botocore"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        ConfigurationError, match=r"'aws_sts' needs botocore.*airflow-provider-azureml\[aws\]"
    ):
        aws.own_keys(OWN, print)()


def test_a_process_that_is_nobody_in_aws_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/not/there")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/not/there")
    with pytest.raises(DeniedError, match="no AWS credentials for connection 'c1'"):
        aws.own_keys(OWN, print)()
