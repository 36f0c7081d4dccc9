# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from airflow_provider_azureml.identity.threaded import ThreadedCredential


class Slow:
    """A sync credential that counts."""

    def __init__(self, *expires_on: int) -> None:
        self.expiries = list(expires_on)
        self.calls = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.calls += 1
        return AccessToken(f"t{self.calls}", self.expiries.pop(0))


async def test_many_tasks_of_a_loop_ask_for_one_token_together() -> None:
    inner = Slow(9_999_999_999)
    credential = ThreadedCredential(inner)
    tokens = await asyncio.gather(*(credential.get_token("s") for _ in range(50)))
    assert ({token.token for token in tokens}, inner.calls) == ({"t1"}, 1)


async def test_a_token_near_its_end_is_asked_again() -> None:
    inner = Slow(1, 9_999_999_999)
    credential = ThreadedCredential(inner)
    assert (await credential.get_token("s")).token == "t1"
    assert (await credential.get_token("s")).token == "t2"
    assert (await credential.get_token("s")).token == "t2"


class Refusing:
    """A sync credential that says no, slowly."""

    calls = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.calls += 1
        time.sleep(0.05)
        raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")


async def test_who_waits_for_a_refused_sign_in_is_refused_with_it_and_the_next_one_asks_anew() -> None:
    inner = Refusing()
    credential = ThreadedCredential(inner)
    ends = await asyncio.gather(*(credential.get_token("s") for _ in range(500)), return_exceptions=True)
    assert {type(end) for end in ends} == {ClientAuthenticationError}
    assert inner.calls == 1
    with pytest.raises(ClientAuthenticationError):
        await credential.get_token("s")
    assert inner.calls == 2


async def test_a_trigger_that_is_cancelled_while_it_signs_in_fails_no_other() -> None:
    inner = Slow(9_999_999_999)
    credential = ThreadedCredential(inner)
    first, second = (asyncio.create_task(credential.get_token("s")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).token == "t1"
