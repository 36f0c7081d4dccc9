# SPDX-License-Identifier: Apache-2.0
"""Tokens and assertions with one thing wrong: each is refused, with the number or code that Azure has for it.

The table is printed. What is wrong with a token is never told apart by luck: the same token unchanged passes.
"""

from __future__ import annotations

import base64
import datetime
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.wire.conftest import Sandbox
from tests.wire.forgery import Forger, certificate_assertion
from tests.wire.identities import ARM, EXCHANGE, GRAPH, STORAGE, VAULT, Client

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OKTA = "https://example.okta.com/oauth2/airflow/v1/token"
STRANGER = RSAKey.generate_key(2048)


class Seen(NamedTuple):
    """What a refusal says: HTTP status, and number or code."""

    status: int
    code: str


class Bench:
    """A sandbox to which tokens and assertions are presented."""

    def __init__(self, sandbox: Sandbox, client: Client) -> None:
        self.sandbox, self.client, self.http = sandbox, client, client.http
        self.keys = sandbox.data / "keys"
        self.tenant = sandbox.description["tenant_id"]
        self.subscription = sandbox.description["subscription_id"]
        self.urls = {
            ARM: f"{ARM}/subscriptions?api-version=2022-12-01",
            VAULT: "https://classicvault.vault.azure.net/secrets/scientist?api-version=7.4",
            GRAPH: f"{GRAPH}/v1.0/applications",
            STORAGE: "https://classiclake.dfs.core.windows.net/data?resource=filesystem&recursive=false",
            "region": f"https://eastus.api.azureml.ms/history/v1.0{sandbox.workspace('classic')}/experiments",
        }
        self.good = {
            ARM: self._forger("scientist", ARM),
            VAULT: self._forger("scientist", VAULT),
            GRAPH: self._forger("directory-admin", GRAPH),
            STORAGE: self._forger("scientist", STORAGE),
        }
        self.assertion = Forger.of(client.service_account_file("scientist").read_text(), self.keys)

    def _forger(self, identity: str, resource: str) -> Forger:
        header = self.client.bearer(identity, resource)["Authorization"]
        return Forger.of(header.partition(" ")[2], self.keys)

    def present(self, token: str, place: str) -> httpx.Response:
        """An access token, to a service."""
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
        return self.http.get(self.urls[place], headers=headers)

    def exchange(self, assertion: str, application: str = "scientist") -> httpx.Response:
        """An assertion, to Entra."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.principal(application)["client_id"],
            "scope": f"{ARM}/.default",
            "client_assertion": assertion,
            "client_assertion_type": JWT_BEARER,
        }
        return self.http.post(f"https://login.microsoftonline.com/{self.tenant}/oauth2/v2.0/token", data=form)

    def ask_okta(self, assertion: str) -> httpx.Response:
        """A client assertion, to Okta."""
        form = {"grant_type": "client_credentials", "scope": "azure.exchange", "client_assertion": assertion}
        return self.http.post(OKTA, data={**form, "client_assertion_type": JWT_BEARER})


def seen(answer: httpx.Response) -> Seen:
    """The number of Entra's refusal; else the code, in whichever shape the service has."""
    if answer.headers.get("x-ms-error-code"):
        return Seen(answer.status_code, answer.headers["x-ms-error-code"])
    content = answer.json()
    if "error_codes" in content:
        return Seen(answer.status_code, str(content["error_codes"][0]))
    error = content["error"]
    return Seen(answer.status_code, error if isinstance(error, str) else error["code"])


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox, client: Client) -> Bench:
    return Bench(sandbox, client)


Mutant = tuple[str, Callable[[], httpx.Response], Seen]


def access_tokens(bench: Bench) -> Iterator[Mutant]:
    now, own = int(time.time()), bench.good[ARM]
    invalid, tenant = Seen(401, "InvalidAuthenticationToken"), Seen(401, "InvalidAuthenticationTokenTenant")
    other = str(uuid.uuid4())
    for what, token, expected in (
        ("alg none", own.unsigned(), invalid),
        ("HS256 with the public key", own.signed_with_the_public_key(), invalid),
        ("a bit of the signature", own.flipped(), invalid),
        ("a stranger's key under our kid", own.header(key=STRANGER), invalid),
        ("a stranger's key and kid", own.header(key=STRANGER, kid=STRANGER.thumbprint()), invalid),
        ("expired a second ago", own.claims(exp=now - 1), Seen(401, "ExpiredAuthenticationToken")),
        ("no exp", own.claims(exp=None), Seen(401, "ExpiredAuthenticationToken")),
        ("valid in 400 s", own.claims(nbf=now + 400), invalid),
        ("iss of another tenant", own.claims(iss=f"https://sts.windows.net/{other}/"), tenant),
        ("tid of another tenant", own.claims(tid=other), tenant),
    ):
        yield f"ARM: {what}", lambda token=token: bench.present(token, ARM), expected
    audience = Seen(401, "InvalidAuthenticationTokenAudience")
    for place, of, expected in (
        (ARM, STORAGE, audience),
        (ARM, VAULT, audience),
        (VAULT, ARM, Seen(401, "Unauthorized")),
        (GRAPH, ARM, invalid),
        (STORAGE, GRAPH, Seen(401, "InvalidAuthenticationInfo")),
        ("region", STORAGE, Seen(401, "UserError")),
    ):
        token = bench.good[of].token
        name = "the region" if place == "region" else place.partition("://")[2]
        yield (
            f"{name}: a token for {of.partition('://')[2]}",
            lambda t=token, p=place: bench.present(t, p),
            expected,
        )


def federated(bench: Bench) -> Iterator[Mutant]:
    now, own = int(time.time()), bench.assertion
    claims = jwt.decode(own.token, own.key).claims
    for what, token, number, status in (
        ("alg none", own.unsigned(), 5002738, 400),
        ("HS256 with the public key", own.signed_with_the_public_key(), 5002738, 400),
        ("no JWT", own.token.rpartition(".")[0], 50027, 400),
        ("issuer without its slash", own.claims(iss=claims["iss"].rstrip("/")), 700211, 401),
        ("another subject", own.claims(sub="system:serviceaccount:tests:nobody"), 700213, 401),
        ("subject in capitals", own.claims(sub=claims["sub"].upper()), 7002138, 401),
        ("another audience", own.claims(aud="api://elsewhere"), 700212, 401),
        ("no audience", own.claims(aud=None), 700212, 401),
        ("expired a second ago", own.claims(exp=now - 1), 700024, 401),
        ("valid in 400 s", own.claims(nbf=now + 400), 700024, 401),
        ("a bit of the signature", own.flipped(), 50013, 401),
        ("a stranger's key under the kid", own.header(key=STRANGER), 50013, 401),
        ("a stranger's key and kid", own.header(key=STRANGER, kid=STRANGER.thumbprint()), 7000272, 401),
    ):
        yield f"federated: {what}", lambda t=token: bench.exchange(t), Seen(status, str(number))
    trustless = bench.exchange(own.token, "airflow-registry")
    yield "federated: nothing is trusted", lambda: trustless, Seen(401, "70025")


def of_a_certificate(bench: Bench, certificate: x509.Certificate, key: RSAKey) -> Iterator[Mutant]:
    now, client_id = int(time.time()), bench.sandbox.principal("train-gcp")["client_id"]
    realm = "https://login.microsoftonline.com/{}/oauth2/v2.0/token"

    def made(audience: str = realm.format(bench.tenant), signer: RSAKey = key, **changes: Any) -> str:
        return certificate_assertion(client_id, audience, certificate, signer, **changes)

    other = _certificate(STRANGER)
    unknown = certificate_assertion(client_id, realm.format(bench.tenant), other, STRANGER)
    assert bench.exchange(made(), "train-gcp").status_code == 200
    for what, token, number in (
        ("it is not registered", unknown, 700027),
        ("a stranger's signature", made(signer=STRANGER), 700027),
        ("expired", made(exp=now - 1), 700024),
        ("of another client", made(sub=str(uuid.uuid4())), 700021),
        ("for another tenant", made(realm.format(uuid.uuid4())), 700023),
    ):
        yield f"certificate: {what}", lambda t=token: bench.exchange(t, "train-gcp"), Seen(401, str(number))


def of_okta(bench: Bench) -> Iterator[Mutant]:
    client = bench.sandbox.description["okta"]["clients"]["example/airflow-train"]
    key = RSAKey.import_key(Path(client["key_file"]).read_bytes())
    now = int(time.time())
    good = {"iss": client["client_id"], "sub": client["client_id"], "aud": OKTA, "exp": now + 300}
    refused = Seen(401, "invalid_client")

    def made(signer: RSAKey = key, **changes: Any) -> str:
        claims = {**good, "jti": str(uuid.uuid4()), **changes}
        return jwt.encode({"alg": "RS256", "kid": client["kid"]}, claims, signer)

    used = made()
    assert bench.ask_okta(used).status_code == 200
    for what, token in (
        ("used before (jti)", used),
        ("a day ahead", made(exp=now + 86_400)),
        ("for another endpoint", made(aud=OKTA.removesuffix("/v1/token"))),
        ("a stranger's signature", made(signer=STRANGER)),
    ):
        yield f"Okta: {what}", lambda t=token: bench.ask_okta(t), refused


def _certificate(key: RSAKey) -> x509.Certificate:
    signer: Any = load_pem_private_key(key.as_pem(private=True), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "train")])
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=2))
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def registered(bench: Bench) -> tuple[x509.Certificate, RSAKey]:
    """A certificate of the application ``train-gcp``."""
    key = RSAKey.generate_key(2048)
    certificate = _certificate(key)
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    bench.http.patch(
        f"{GRAPH}/v1.0/applications(appId='{bench.sandbox.principal('train-gcp')['client_id']}')",
        json={"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": der}]},
        headers=bench.client.bearer("directory-admin", GRAPH),
    ).raise_for_status()
    return certificate, key


def test_what_the_mutants_are_made_of_is_good(bench: Bench) -> None:
    for place, forger in bench.good.items():
        assert bench.present(forger.token, place).status_code == 200, place
        assert bench.present(forger.claims(), place).status_code == 200, place
    assert bench.exchange(bench.assertion.claims()).status_code == 200
    assert bench.exchange(bench.assertion.header()).status_code == 200


def test_each_mutant_is_refused_with_its_own_code(
    bench: Bench, registered: tuple[x509.Certificate, RSAKey], capsys: pytest.CaptureFixture[str]
) -> None:
    mutants = [
        *access_tokens(bench),
        *federated(bench),
        *of_a_certificate(bench, *registered),
        *of_okta(bench),
    ]
    refusals = [(what, seen(ask()), expected) for what, ask, expected in mutants]
    wrong = [what for what, found, expected in refusals if found != expected]
    lines = [f"{what:58} {found.status} {found.code}" for what, found, _ in refusals]
    with capsys.disabled():
        sys.stdout.write(
            "\n" + "\n".join(lines) + f"\n{len(lines) - len(wrong)} of {len(lines)} mutants refused\n"
        )
    assert not wrong
    assert len(mutants) >= 25


def test_an_applications_own_token_is_no_assertion(bench: Bench) -> None:
    issuer = f"https://login.microsoftonline.com/{bench.tenant}/v2.0"
    principal = bench.sandbox.principal("train-okta")["object_id"]
    url = f"{GRAPH}/v1.0/applications(appId='{bench.sandbox.principal('train-gcp')['client_id']}')"
    trust = {"name": "own", "issuer": issuer, "subject": principal, "audiences": [EXCHANGE]}
    headers = bench.client.bearer("directory-admin", GRAPH)
    made = bench.http.post(f"{url}/federatedIdentityCredentials", json=trust, headers=headers)
    machine = Forger.of(bench.client.metadata_token("run-train", EXCHANGE), bench.keys)
    try:
        answer = bench.exchange(machine.claims(sub=principal, oid=principal), "train-gcp")
    finally:
        identifier = made.raise_for_status().json()["id"]
        bench.http.delete(f"{url}/federatedIdentityCredentials/{identifier}", headers=headers)
    assert seen(answer) == Seen(401, "700222")


def test_a_revoked_token_is_refused_and_a_new_one_is_good(bench: Bench) -> None:
    control = bench.sandbox.data / "control.json"
    address = json.loads(control.read_text())
    revoke = {"object_id": bench.sandbox.principal("run-prep")["object_id"]}
    token = bench.client.metadata_token("run-prep", ARM)
    assert bench.present(token, ARM).status_code == 200
    with httpx.Client(trust_env=False) as plain:
        plain.post(
            f"{address['url']}/revoke",
            json=revoke,
            headers={"Authorization": f"Bearer {address['token']}"},
        ).raise_for_status()
    assert seen(bench.present(token, ARM)) == Seen(401, "InvalidAuthenticationToken")
    assert bench.present(bench.client.metadata_token("run-prep", ARM), ARM).status_code == 200
