# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.assertion import Kept, Presented, usable
from tests.unit.identity.flows import EXCHANGE, jwt

NOW = 1_000.0


def check(token: str, audience: str = EXCHANGE) -> str:
    return usable(token, "Dex", audience, clock=lambda: NOW)[0]


def test_a_good_assertion_passes_unchanged() -> None:
    good = jwt(exp=NOW + 60, nbf=NOW + 299)
    assert check(good) == good
    assert check(jwt(aud=["x", EXCHANGE])) == jwt(aud=["x", EXCHANGE])
    assert check(jwt(aud="other"), audience="") == jwt(aud="other")


@pytest.mark.parametrize(
    ("token", "code", "told"),
    [
        ("", "NoAssertion", "Dex gave no JSON web token"),
        ("a.b.c", "NoAssertion", "no JSON web token"),
        (jwt(exp=NOW - 100), "AssertionExpired", "expired 100 s ago"),
        (jwt(exp=NOW + 9), "AssertionExpired", "expired"),
        (jwt(exp=None), "AssertionExpired", "expired"),
        (jwt(nbf=NOW + 301), "AssertionTooEarly", "not valid for another 301 s"),
        (jwt(aud="sts.amazonaws.com"), "AssertionAudience", f"Ask there for '{EXCHANGE}'"),
        (jwt("ES384"), "AssertionAlgorithm", "signed with 'ES384'"),
        (jwt("none"), "AssertionAlgorithm", "signed with 'none'"),
    ],
)
def test_what_entra_would_refuse_is_refused_with_its_reason(token: str, code: str, told: str) -> None:
    with pytest.raises(DeniedError, match=told) as caught:
        check(token)
    assert caught.value.code == code


def test_a_refusal_names_issuer_subject_and_audience_and_never_the_token() -> None:
    token = jwt(iss="https://dex.example", sub="system:serviceaccount:a:b", aud="wrong")
    with pytest.raises(DeniedError) as caught:
        check(token)
    text = str(caught.value)
    for part in ("issuer 'https://dex.example'", "subject 'system:serviceaccount:a:b'", "audience 'wrong'"):
        assert part in text
    assert not any(part in text + repr(caught.value) for part in token.split("."))


def test_what_is_no_token_says_nothing() -> None:
    assert Presented.of("x") is None


def test_a_kept_assertion_is_fetched_again_a_minute_before_its_end() -> None:
    now, fetched = [NOW], []

    def fetch() -> str:
        fetched.append(now[0])
        return jwt(exp=now[0] + 300)

    kept = Kept(fetch, clock=lambda: now[0])
    assert kept() == kept()
    now[0] += 239
    kept()
    assert len(fetched) == 1
    now[0] += 1
    kept()
    assert len(fetched) == 2


def test_many_threads_fetch_one_assertion() -> None:
    calls: list[int] = []
    start = threading.Barrier(8)

    def fetch() -> str:
        calls.append(1)
        return jwt()

    kept = Kept(fetch)

    def ask(number: int) -> str:
        start.wait()
        return kept()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {jwt()}
    assert len(calls) == 1


def test_a_failed_fetch_is_tried_again_by_the_next_one() -> None:
    answers = iter([DeniedError(401, "x", "y"), jwt()])

    def fetch() -> str:
        answer = next(answers)
        if isinstance(answer, DeniedError):
            raise answer
        return answer

    kept = Kept(fetch)
    with pytest.raises(DeniedError):
        kept()
    assert kept() == jwt()
