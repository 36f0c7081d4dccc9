# SPDX-License-Identifier: Apache-2.0
"""Google's metadata server, and what Entra makes of its tokens."""

from __future__ import annotations

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from azure_sandbox.kernel.seed import InvalidSeed
from azure_sandbox.testing import Sandbox, in_process
from sandbox.tests.outside_seed import GOOGLE, exchange

BASE = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts"
FLAVOR = {"Metadata-Flavor": "Google"}
AUDIENCE = "api://AzureADTokenExchange"


def ask(sandbox: Sandbox, path: str, headers: dict[str, str] = FLAVOR, **query: str) -> httpx.Response:
    return sandbox.http.get(BASE + path, headers=headers, params=query)


def test_the_identity_is_a_token_of_googles_issuer(outside: Sandbox) -> None:
    answer = ask(outside, "/default/identity", audience=AUDIENCE, format="full")
    assert answer.headers["metadata-flavor"] == "Google"
    document = outside.http.get(f"{GOOGLE}/.well-known/openid-configuration").json()
    assert document["issuer"] == GOOGLE
    keys = KeySet.import_key_set(outside.http.get(document["jwks_uri"]).json())
    claims = jwt.decode(answer.text, keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (GOOGLE, AUDIENCE)
    assert claims["sub"] == outside.cloud.foreign.resolve("gcp:composer")
    assert claims["sub"].isdigit()
    assert len(claims["sub"]) == 21
    assert claims["email"] == ask(outside, "/default/email").text
    assert claims["google"]["compute_engine"]["project_id"] == "nightly"


def test_the_short_form_holds_no_email(outside: Sandbox) -> None:
    token = ask(outside, "/default/identity", audience=AUDIENCE).text
    keys = KeySet.import_key_set(outside.http.get("https://www.googleapis.com/oauth2/v3/certs").json())
    assert "email" not in jwt.decode(token, keys, algorithms=["RS256"]).claims


def test_the_token_is_exchanged_where_an_application_trusts_the_account(outside: Sandbox) -> None:
    assert "access_token" in exchange(
        outside, "of-google", ask(outside, "/default/identity", audience=AUDIENCE).text
    )
    other = ask(outside, "/second-one@nightly.iam.gserviceaccount.com/identity", audience=AUDIENCE).text
    assert exchange(outside, "of-google", other)["error_codes"] == [700213]


def test_the_metadata_port_answers_without_the_proxy(outside: Sandbox) -> None:
    host = outside.environment["GCE_METADATA_HOST"]
    with httpx.Client(trust_env=False) as client:
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/"
        answer = client.get(url, headers=FLAVOR, params={"recursive": "true"})
        assert answer.json()["email"] == "composer@nightly.iam.gserviceaccount.com"
        assert client.get(f"http://{host}/", headers=FLAVOR).headers["metadata-flavor"] == "Google"


@pytest.mark.parametrize(
    "headers", [{}, {"Metadata-Flavor": "Azure"}, {**FLAVOR, "X-Forwarded-For": "1.2.3.4"}]
)
def test_without_the_header_it_is_403(outside: Sandbox, headers: dict[str, str]) -> None:
    answer = ask(outside, "/default/identity", headers, audience=AUDIENCE)
    assert answer.status_code == 403
    assert answer.headers["metadata-flavor"] == "Google"


@pytest.mark.parametrize(
    "path, query, status",
    [
        ("/default/identity", {}, 400),
        ("/default/identity", {"audience": ""}, 400),
        ("/default/identity", {"audience": "a", "format": "long"}, 400),
        ("/nobody@nightly.iam.gserviceaccount.com/email", {}, 404),
        ("/default/nothing", {}, 404),
    ],
)
def test_a_bad_request_is_refused(outside: Sandbox, path: str, query: dict[str, str], status: int) -> None:
    assert ask(outside, path, **query).status_code == status


def test_a_machine_that_is_not_googles_has_no_such_server(identities: Sandbox) -> None:
    assert ask(identities, "/default/email").status_code == 404


def test_a_bad_seed_names_the_member(tmp_path) -> None:
    for entry, complaint in (({"name": "A"}, "no name of a service account"), ({"id": "x"}, "nothing else")):
        with pytest.raises(InvalidSeed, match=complaint), in_process(tmp_path, {"gcp": [entry]}):
            pass
