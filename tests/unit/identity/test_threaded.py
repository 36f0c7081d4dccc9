# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

from azure.core.credentials import AccessToken

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
