# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_azureml.identity.claims import Identity, read_claims, read_header


def jwt(payload: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{middle}.s"


@pytest.mark.parametrize("name", ["appid", "azp"])
def test_both_kinds_of_token_say_who_we_are(name: str) -> None:
    assert Identity.of(jwt({"tid": "t", name: "a", "oid": "o"})) == Identity("t", "a", "o")


@pytest.mark.parametrize("token", ["", "abc", "a.b", "a.!!.c", jwt([1]), "a.bm8.c"])
def test_what_is_no_token_has_no_claims(token: str) -> None:
    assert read_claims(token) == {}


def test_a_header_is_read_the_same_way() -> None:
    assert read_header("eyJhbGciOiJSUzI1NiJ9.e30.s") == {"alg": "RS256"}
    assert read_header("abc") == {}
