# SPDX-License-Identifier: Apache-2.0
"""The same credential in an event loop.

azure-identity's async twins call an assertion function synchronously and never await it, so a slow
identity endpoint stalls the whole triggerer, and each owns an HTTP session that somebody must
close. One sync credential, asked in a thread a few times per hour, has neither trouble.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

_MARGIN = 300.0


class ThreadedCredential:
    """Asks a sync credential in a thread; single-flight per scope. Belongs to one event loop.

    Who asks while another one waits gets that one's answer, a refusal included: 500 triggers whose
    secret was rotated sign in once.
    """

    def __init__(self, inner: TokenCredential) -> None:
        self._inner = inner
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._flights: dict[tuple[str, ...], asyncio.Task[AccessToken]] = {}

    async def get_token(self, *scopes: str) -> AccessToken:
        """A token with at least five minutes left, unless the identity gives shorter ones."""
        token = self._tokens.get(scopes)
        if token is not None and token.expires_on - time.time() >= _MARGIN:
            return token
        flight = self._flights.get(scopes)
        if flight is None:
            flight = self._flights[scopes] = asyncio.create_task(self._ask(scopes))
            flight.add_done_callback(lambda done: self._landed(scopes, done))
        # Shielded: one trigger that is cancelled must not fail the others that wait.
        return await asyncio.shield(flight)

    async def _ask(self, scopes: tuple[str, ...]) -> AccessToken:
        self._tokens[scopes] = token = await asyncio.to_thread(self._inner.get_token, *scopes)
        return token

    def _landed(self, scopes: tuple[str, ...], flight: asyncio.Task[AccessToken]) -> None:
        del self._flights[scopes]
        if not flight.cancelled():
            flight.exception()  # seen, even when nobody waits any more
