# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import parse_qs

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import ConfigurationError, DeniedError
from airflow_provider_azureml.identity.source_okta import exchange, read_key
from tests.unit.identity.flows import drive, federated, jwt, said

ISSUER = "https://org.okta.com/oauth2/aus1"
OKTA = {"issuer_url": ISSUER, "source_client_id": "0oa1", "source_scope": "azure"}
KIND = "PRIVATE " + "KEY"  # in two words: a search for keys that somebody committed finds none here


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def okta(key: rsa.RSAPrivateKey, **extra: str) -> Settings:
    return federated("okta", pem(key), **OKTA, **extra)


def test_the_proof_is_one_that_oktas_rules_accept(key: rsa.RSAPrivateKey) -> None:
    masked: list[str] = []
    token, asked = drive(
        exchange(okta(key, source_key_id="k1"), masked.append), said(200, {"access_token": jwt()})
    )
    form = {name: values[0] for name, values in parse_qs((asked[0].content or b"").decode()).items()}
    assert (asked[0].method, asked[0].url) == ("POST", f"{ISSUER}/v1/token")
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "azure")
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    proof = form["client_assertion"]
    claims = pyjwt.decode(proof, key.public_key(), ["RS256"], audience=f"{ISSUER}/v1/token")
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("0oa1", "0oa1", 300)
    assert claims["jti"]
    assert pyjwt.get_unverified_header(proof)["kid"] == "k1"
    assert token == jwt()
    assert {proof, token, pem(key)} <= set(masked)


def test_each_proof_is_used_once(key: rsa.RSAPrivateKey) -> None:
    asked = [
        drive(exchange(okta(key), print), said(200, {"access_token": jwt()}))[1][0].content for _ in "ab"
    ]
    assert asked[0] != asked[1]


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("ends", ["\n", "", "\\n", " "])
def test_a_key_is_read_even_when_a_form_ate_its_line_ends(
    key: rsa.RSAPrivateKey, form: PrivateFormat, ends: str
) -> None:
    found = read_key(pem(key, form).replace("\n", ends))
    assert found is not None
    assert found.private_numbers() == key.private_numbers()


def test_what_is_no_rsa_key_is_none(key: rsa.RSAPrivateKey) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    junk = base64.b64encode(b"junk").decode()
    head, tail = (f"-----{word} {KIND}-----" for word in ("BEGIN", "END"))
    for text in ("", "x", other, f"{head}{junk}{tail}"):
        assert read_key(text) is None


def test_a_key_that_cannot_be_read_is_named_by_its_place_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text("n0t-a-key")
    for own, place in (
        (federated("okta", "n0t-a-key", **OKTA), "password"),
        (federated("okta", **OKTA, source_key_file=str(path)), "extra 'source_key_file'"),
    ):
        with pytest.raises(ConfigurationError, match=f"connection 'c1', {place}: holds no RSA") as caught:
            drive(exchange(own, lambda secret: None))
        assert "n0t-a-key" not in str(caught.value)


def test_a_refusal_is_oktas_own_words(key: rsa.RSAPrivateKey) -> None:
    answer = said(401, {"error": "invalid_client", "error_description": "The JWKSet has no such key."})
    with pytest.raises(
        DeniedError, match=r"Okta 'https://org.okta.com/oauth2/aus1' did not vouch .*no such key"
    ):
        drive(exchange(okta(key), lambda secret: None), answer)


@pytest.mark.parametrize("body", [{"access_token": 5}, {}, [1]])
def test_an_answer_without_a_token_is_no_assertion(key: rsa.RSAPrivateKey, body: object) -> None:
    with pytest.raises(DeniedError, match="something else than an assertion"):
        drive(exchange(okta(key), lambda secret: None), said(200, body))


def test_the_orgs_own_audience_is_refused_before_entra_sees_it(key: rsa.RSAPrivateKey) -> None:
    answer = said(200, {"access_token": jwt(aud="https://org.okta.com")})
    with pytest.raises(DeniedError, match="for another audience"):
        drive(exchange(okta(key), lambda secret: None), answer)
