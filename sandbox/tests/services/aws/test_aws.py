# SPDX-License-Identifier: Apache-2.0
"""STS and Cognito, asked by unmodified boto3, and what Entra makes of their tokens."""

from __future__ import annotations

import configparser
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet

from azure_sandbox.kernel.clock import ManualClock
from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox, in_process
from sandbox.tests.outside_seed import ACCOUNT, COGNITO, OUTSIDE_SEED, ROLE, exchange, number

AUDIENCE = "api://AzureADTokenExchange"
#: botocore's own retries would only repeat what these tests want to see once.
ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def aws(outside: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """This process as an unmodified boto3's: proxy, trust and the file of keys."""
    return configured(outside, monkeypatch)


def configured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    environment = {
        **sandbox.environment,
        "AWS_SHARED_CREDENTIALS_FILE": str(sandbox.cloud.data / "aws" / "credentials"),
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return sandbox


def client(service: str = "sts", profile: str = "airflow-train", **more: Any) -> Any:
    return boto3.Session(profile_name=profile).client(service, config=ONCE, **more)


def token(sts: Any, **changes: Any) -> dict[str, Any]:
    asked = {"Audience": [AUDIENCE], "SigningAlgorithm": "RS256", "DurationSeconds": 300, **changes}
    return dict(sts.get_web_identity_token(**asked))


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_role_gets_a_token_about_itself(aws: Sandbox) -> None:
    answer = token(client(), Tags=[{"Key": "dag", "Value": "nightly"}, {"Key": "task", "Value": "train"}])
    issuer = aws.cloud.foreign.resolve("aws:data")
    assert issuer.startswith("https://")
    assert issuer.endswith(".tokens.sts.global.api.aws")
    document = aws.http.get(f"{issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == issuer
    keys = KeySet.import_key_set(aws.http.get(document["jwks_uri"]).json())
    claims = jwt.decode(answer["WebIdentityToken"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (issuer, ROLE, AUDIENCE)
    about = claims["https://sts.amazonaws.com/"]
    assert about["request_tags"] == {"dag": "nightly", "task": "train"}
    assert (about["aws_account"], about["source_region"]) == (ACCOUNT, "us-east-1")
    assert claims["exp"] - claims["iat"] == 300
    assert abs(answer["Expiration"].timestamp() - claims["exp"]) <= 1


def test_the_token_is_exchanged_where_an_application_trusts_the_role(aws: Sandbox) -> None:
    assert "access_token" in exchange(aws, "of-aws", token(client())["WebIdentityToken"])
    assert number(exchange(aws, "of-aws", token(client(profile="narrow"))["WebIdentityToken"])) == 700213
    elsewhere = token(client(), Audience=["api://elsewhere"])["WebIdentityToken"]
    assert number(exchange(aws, "of-aws", elsewhere)) == 700212
    several = token(client(), Audience=["api://elsewhere", AUDIENCE])["WebIdentityToken"]
    assert "access_token" in exchange(aws, "of-aws", several)


def test_an_es384_token_is_good_and_entra_does_not_take_it(aws: Sandbox) -> None:
    text = token(client(), SigningAlgorithm="ES384")["WebIdentityToken"]
    issuer = aws.cloud.foreign.resolve("aws:data")
    keys = KeySet.import_key_set(aws.http.get(f"{issuer}/.well-known/jwks.json").json())
    assert jwt.decode(text, keys, algorithms=["ES384"]).claims["sub"] == ROLE
    assert number(exchange(aws, "of-aws", text)) == 5002738


def test_the_caller_is_who_signed(aws: Sandbox) -> None:
    user = client(profile="airflow").get_caller_identity()
    assert (user["Arn"], user["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/airflow", ACCOUNT)
    role = client().get_caller_identity()
    assert role["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/airflow-train/")
    assert role["UserId"].startswith("AROA")
    assert client(region_name="eu-central-1").get_caller_identity()["Account"] == ACCOUNT


def test_the_file_of_keys_is_its_owners_alone(aws: Sandbox) -> None:
    path = aws.cloud.data / "aws" / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    profiles = configparser.ConfigParser()
    profiles.read(path)
    assert set(profiles.sections()) == {"airflow", "elsewhere", "airflow-train", "narrow"}
    assert profiles["airflow-train"]["source_profile"] == "airflow"


def test_the_endpoint_without_a_region_makes_no_tokens(aws: Sandbox) -> None:
    everywhere = client(region_name="us-east-1", endpoint_url="https://sts.amazonaws.com")
    assert everywhere.get_caller_identity()["Account"] == ACCOUNT
    with pytest.raises(ClientError) as error:
        token(everywhere)
    assert code(error) == ("InvalidAction", 400)


@pytest.mark.parametrize(
    "changes, expected, text",
    [
        ({"DurationSeconds": 59}, "ValidationError", "greater than or equal to 60"),
        ({"DurationSeconds": 3601}, "ValidationError", "less than or equal to 3600"),
        ({"SigningAlgorithm": "HS256"}, "ValidationError", "enum value set: [RS256, ES384]"),
        ({"Audience": []}, "ValidationError", "'audience'"),
        ({"Tags": [{"Key": "a", "Value": ""}] * 2}, "InvalidParameterValue", "Tag keys"),
    ],
)
def test_a_bad_request_is_refused_as_aws_does(
    aws: Sandbox, changes: dict[str, Any], expected: str, text: str
) -> None:
    sts = boto3.Session(profile_name="airflow-train").client(
        "sts", config=ONCE.merge(Config(parameter_validation=False))
    )
    with pytest.raises(ClientError) as error:
        token(sts, **changes)
    assert code(error) == (expected, 400)
    assert text in str(error.value)


def test_who_may_not_ask_is_denied(aws: Sandbox) -> None:
    for sts, changes in (
        (client(profile="airflow"), {}),
        (client(profile="narrow"), {"Audience": ["api://elsewhere"]}),
        (client(profile="narrow"), {"DurationSeconds": 301}),
    ):
        with pytest.raises(ClientError) as error:
            token(sts, **changes)
        assert code(error) == ("AccessDenied", 403)
        assert "is not authorized to perform: sts:GetWebIdentityToken on resource: *" in str(error.value)


def test_a_role_is_assumed_by_those_it_trusts(aws: Sandbox) -> None:
    for arn in (f"arn:aws:iam::{ACCOUNT}:role/nobody", f"arn:aws:iam::{ACCOUNT}:role/absent"):
        with pytest.raises(ClientError) as error:
            client(profile="airflow").assume_role(RoleArn=arn, RoleSessionName="test")
        assert code(error) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as error:
        client(profile="elsewhere").assume_role(RoleArn=ROLE, RoleSessionName="test")
    assert code(error) == ("AccessDenied", 403)


def keys_of(sandbox: Sandbox, profile: str = "airflow") -> tuple[str, str]:
    file = configparser.ConfigParser()
    file.read(sandbox.cloud.data / "aws" / "credentials")
    return file[profile]["aws_access_key_id"], file[profile]["aws_secret_access_key"]


def signed_by(access_key: str, secret: str, session: str | None = None, region: str = "us-east-1") -> Any:
    return boto3.client(
        "sts",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        aws_session_token=session,
        region_name=region,
        config=ONCE,
    )


def test_signatures_are_really_verified(aws: Sandbox) -> None:
    access_key, secret = keys_of(aws)
    made = client(profile="airflow").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    temporary = made["AccessKeyId"], made["SecretAccessKey"]
    assert signed_by(*temporary, made["SessionToken"]).get_caller_identity()["Account"] == ACCOUNT
    for sts, expected in (
        (signed_by(access_key, secret + "x"), "SignatureDoesNotMatch"),
        (signed_by("AKIA" + "A" * 16, secret), "InvalidClientTokenId"),
        (signed_by(access_key, secret, "invented"), "InvalidClientTokenId"),
        (signed_by(*temporary), "InvalidClientTokenId"),
        (signed_by(*temporary, made["SessionToken"] + "x"), "InvalidClientTokenId"),
    ):
        with pytest.raises(ClientError) as error:
            sts.get_caller_identity()
        assert code(error) == (expected, 403)


def test_a_request_that_was_changed_after_signing_is_refused(aws: Sandbox) -> None:
    sent: list[Any] = []
    sts = signed_by(*keys_of(aws))
    sts.meta.events.register("before-send.sts.*", lambda request, **_: sent.append(request))
    sts.get_caller_identity()
    headers = {
        name: value if isinstance(value, str) else value.decode() for name, value in sent[0].headers.items()
    }
    del headers["Content-Length"]
    body = sent[0].body if isinstance(sent[0].body, str) else sent[0].body.decode()
    url = "https://sts.us-east-1.amazonaws.com/"
    assert aws.http.post(url, content=body, headers=headers).status_code == 200
    refused = {
        "body": aws.http.post(url, content=body + "&X=1", headers=headers),
        "query": aws.http.post(f"{url}?X=1", content=body, headers=headers),
        "region": aws.http.post("https://sts.eu-central-1.amazonaws.com/", content=body, headers=headers),
        "date": aws.http.post(url, content=body, headers={**headers, "X-Amz-Date": "20200101T000000Z"}),
    }
    for what, answer in refused.items():
        assert answer.status_code == 403, what
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text, what
    unsigned = aws.http.post(url, content=body, headers={"Content-Type": headers["Content-Type"]})
    assert "<Code>MissingAuthenticationToken</Code>" in unsigned.text
    junk = aws.http.post(url, content=body, headers={**headers, "Authorization": "AWS4-HMAC-SHA256 x"})
    assert "<Code>IncompleteSignature</Code>" in junk.text


def test_federation_that_is_off_says_so_until_it_is_switched_on(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = configured(serve({"aws": OUTSIDE_SEED["aws"]}), monkeypatch)
    sts = client()
    assert token(sts)["WebIdentityToken"]
    path = f"/aws/{ACCOUNT}"
    assert sandbox.control("POST", path, json={"outbound_federation": False}).status_code == 200
    with pytest.raises(ClientError) as error:
        token(sts)
    assert code(error) == ("OutboundWebIdentityFederationDisabledException", 403)
    assert "must first enable it" in str(error.value)
    assert sandbox.control("POST", path, json={"outbound_federation": True}).json()["outbound_federation"]
    assert token(sts)["WebIdentityToken"]
    assert sandbox.control("POST", path, json={}).status_code == 400
    assert sandbox.control("POST", "/aws/1", json={"outbound_federation": True}).status_code == 404


def test_a_token_does_not_outlive_its_session(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(time.time())
    configured(serve({"aws": OUTSIDE_SEED["aws"]}, clock), monkeypatch)
    made = client(profile="airflow").assume_role(RoleArn=ROLE, RoleSessionName="test", DurationSeconds=900)
    keys = made["Credentials"]
    sts = signed_by(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    with pytest.raises(ClientError) as error:
        token(sts, DurationSeconds=3600)
    assert code(error) == ("SessionDurationEscalationException", 403)
    clock.advance(150)
    assert token(sts, DurationSeconds=60)
    clock.advance(600)
    with pytest.raises(ClientError) as error:
        sts.get_caller_identity()
    assert code(error) == ("SignatureDoesNotMatch", 403)
    assert "Signature expired" in str(error.value)


def web_identity_seed() -> list[dict[str, Any]]:
    trust = {"issuer": "aks", "subject": "system:serviceaccount:airflow:aws", "audience": "sts.amazonaws.com"}
    return [{"id": ACCOUNT, "roles": [{"name": "pod", "web_identity": [trust]}]}]


def test_a_pods_token_assumes_a_role(serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch) -> None:
    seed = {name: OUTSIDE_SEED[name] for name in ("oidc_issuers", "service_accounts")}
    sandbox = serve({**seed, "aws": web_identity_seed()})
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    sts = boto3.client(
        "sts", region_name="us-east-1", config=ONCE, aws_access_key_id="", aws_secret_access_key=""
    )

    def assume(account: str) -> dict[str, Any]:
        text = (sandbox.cloud.data / "serviceaccounts" / "airflow" / account / "token").read_text()
        arn = f"arn:aws:iam::{ACCOUNT}:role/pod"
        return dict(
            sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="pod", WebIdentityToken=text)
        )

    answer = assume("aws")
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:airflow:aws"
    made = answer["Credentials"]
    own = signed_by(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    assert own.get_caller_identity()["Arn"].endswith("assumed-role/pod/pod")
    for account, expected in (("azure", ("InvalidIdentityToken", 400)), ("other", ("AccessDenied", 403))):
        with pytest.raises(ClientError) as error:
            assume(account)
        assert code(error) == expected
    back = token(own)["WebIdentityToken"]
    with pytest.raises(ClientError) as error:
        sts.assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/pod", RoleSessionName="pod", WebIdentityToken=back
        )
    assert code(error) == ("InvalidIdentityToken", 400)


def test_an_identity_pool_vouches_for_a_developers_user(aws: Sandbox) -> None:
    pool = aws.cloud.foreign.resolve("cognito:data/airflow")
    cognito = client("cognito-identity")
    answer = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool, Logins={"login.airflow": "train"}
    )
    document = aws.http.get(f"{COGNITO}/.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(aws.http.get(document["jwks_uri"]).json())
    claims = jwt.decode(answer["Token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (COGNITO, pool, answer["IdentityId"])
    assert answer["IdentityId"] == aws.cloud.foreign.resolve("cognito:data/airflow/train")
    assert "access_token" in exchange(aws, "of-cognito", answer["Token"])
    other = cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool, Logins={"login.airflow": "Train"}
    )
    assert number(exchange(aws, "of-cognito", other["Token"])) == 700213


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"IdentityPoolId": "us-east-1:00000000-0000-0000-0000-000000000000"}, "ResourceNotFoundException"),
        ({"Logins": {"login.elsewhere": "train"}}, "InvalidParameterException"),
        ({"TokenDuration": 86_401}, "InvalidParameterException"),
        ({"IdentityId": "us-east-1:1"}, "DeveloperUserAlreadyRegisteredException"),
    ],
)
def test_cognito_refuses_what_is_not_right(aws: Sandbox, changes: dict[str, Any], expected: str) -> None:
    pool = aws.cloud.foreign.resolve("cognito:data/airflow")
    cognito = boto3.Session(profile_name="airflow").client(
        "cognito-identity", config=ONCE.merge(Config(parameter_validation=False))
    )
    with pytest.raises(ClientError) as error:
        cognito.get_open_id_token_for_developer_identity(
            **{"IdentityPoolId": pool, "Logins": {"login.airflow": "train"}, **changes}
        )
    assert code(error) == (expected, 400)


def test_another_account_gets_nothing_of_a_pool(aws: Sandbox) -> None:
    pool = aws.cloud.foreign.resolve("cognito:data/airflow")
    with pytest.raises(ClientError) as error:
        client("cognito-identity", profile="elsewhere").get_open_id_token_for_developer_identity(
            IdentityPoolId=pool, Logins={"login.airflow": "train"}
        )
    assert code(error) == ("AccessDeniedException", 400)


def test_a_region_that_the_seed_does_not_name_is_foreign(aws: Sandbox) -> None:
    with pytest.raises(httpx.ProxyError, match="403"):
        aws.http.get("https://sts.ap-south-1.amazonaws.com/")


@pytest.mark.parametrize(
    "entry, complaint",
    [
        ({"id": 12}, "not of 12 digits"),
        ({"id": ACCOUNT, "buckets": []}, "unknown field 'buckets'"),
        ({"id": ACCOUNT, "regions": ["Mars"]}, "'Mars' is no region"),
        ({"id": ACCOUNT, "roles": [{"name": "r", "trusts": ["u"]}]}, "trusts 'u', nobody"),
        ({"id": ACCOUNT, "users": [{"name": "a b"}]}, "'a b' is no name"),
        ({"id": ACCOUNT, "roles": [{"name": "r"}, {"name": "r"}]}, "used twice"),
    ],
)
def test_a_bad_seed_names_the_member(tmp_path: Path, entry: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidSeed, match=complaint), in_process(tmp_path, {"aws": [entry]}):
        pass
