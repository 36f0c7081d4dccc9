# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from airflow_provider_azureml.identity.shared import PATIENCE, SharedCredential, patiently


class Slow:
    """A credential that keeps nothing, takes a while, and counts."""

    def __init__(self, refuses: bool = False) -> None:
        self.asked: list[Any] = []
        self._refuses = refuses

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.asked.append((scopes, options))
        time.sleep(0.05)
        if self._refuses:
            raise ClientAuthenticationError("AADSTS7000215: no")
        return AccessToken(f"t{len(self.asked)}", 1_000)


def together(credential: SharedCredential, count: int) -> list[Any]:
    start = threading.Barrier(count)

    def ask(number: int) -> Any:
        start.wait()
        try:
            return credential.get_token("s").token
        except ClientAuthenticationError as error:
            return type(error).__name__

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


@pytest.mark.parametrize(("refuses", "answer"), [(False, "t1"), (True, "ClientAuthenticationError")])
def test_threads_that_ask_together_are_one_sign_in_and_share_its_end(refuses: bool, answer: str) -> None:
    inner = Slow(refuses)
    assert together(SharedCredential(inner), 16) == [answer] * 16
    assert len(inner.asked) == 1


def test_a_refusal_is_not_remembered() -> None:
    inner = Slow(refuses=True)
    credential = SharedCredential(inner, keeps=True)
    for _ in range(2):
        with pytest.raises(ClientAuthenticationError):
            credential.get_token("s")
    assert len(inner.asked) == 2


def test_another_scope_and_other_options_are_another_question() -> None:
    inner = Slow()
    credential = SharedCredential(inner, keeps=True, clock=lambda: 0.0)
    asked = [("a", {}), ("b", {}), ("a", {"enable_cae": True}), ("a", {"claims": "x"})]
    for scope, options in [*asked, *asked]:
        credential.get_token(scope, **options)
    assert inner.asked == [((scope,), options) for scope, options in asked]


def test_a_kept_token_is_asked_again_five_minutes_before_its_end() -> None:
    inner, now = Slow(), [0.0]
    credential = SharedCredential(inner, keeps=True, clock=lambda: now[0])
    found = []
    for now[0] in (0.0, 700.0, 701.0):
        found.append(credential.get_token("s").token)
    assert found == ["t1", "t1", "t2"]


def test_what_keeps_its_own_tokens_is_asked_every_time() -> None:
    inner = Slow()
    credential = SharedCredential(inner)
    assert [credential.get_token("s").token for _ in range(2)] == ["t1", "t2"]


class Interrupted(Slow):
    """The first who asks is stopped in the middle, as by a signal handler that waits for another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        token = super().get_token(*scopes, **options)
        if len(self.asked) == 1:
            self.goes_on.wait(10)
        return token


def test_a_sign_in_that_was_interrupted_holds_up_nobody_for_longer_than_a_second() -> None:
    inner = Interrupted()
    credential = SharedCredential(inner)
    stopped = threading.Thread(target=credential.get_token, args=("s",))
    stopped.start()
    while not inner.asked:
        time.sleep(0.01)
    began = time.monotonic()
    assert credential.get_token("s").token == "t2"
    first = time.monotonic() - began
    assert credential.get_token("s").token == "t3"  # and the next one does not wait at all
    again = time.monotonic() - began - first
    inner.goes_on.set()
    stopped.join(5)
    assert PATIENCE <= first < 2.5
    assert again < 0.5
    assert credential.get_token("s").token == "t4"


def test_a_lock_that_is_held_by_who_was_interrupted_is_done_without() -> None:
    lock = threading.Lock()
    with patiently(lock) as is_mine:
        assert is_mine
        with patiently(lock) as again:
            assert not again
    assert lock.acquire(timeout=0)
